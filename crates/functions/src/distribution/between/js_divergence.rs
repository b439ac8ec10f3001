//! `js_divergence_between`: the Jensen-Shannon divergence between two distributions.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::super::documentation;
use super::{Between, Measure};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(in super::super) static JS_DIVERGENCE_BETWEEN: Between = Between {
    name: "js_divergence_between",
    options: &[OptionName::Bins],
    measure: Measure::Binned(|r, c, _| divergence::js_divergence(r, c)),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::binned(
        "js_divergence_between",
        "Jensen-Shannon divergence between two distributions in bits, DOUBLE from 0 (equal) to 1 (disjoint). Its square root is \
         `js_distance_between`.\n\n\
         `js = (KL(r || m) + KL(c || m)) / 2` with `m = (r + c) / 2`, logarithms to base 2, no smoothing: `js_divergence` over bins \
         at ends of buckets. Source: Lin (1991).",
        "",
    )
});
