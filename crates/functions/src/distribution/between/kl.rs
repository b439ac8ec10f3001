//! `kl_between`: the Kullback-Leibler divergence between two distributions.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::super::documentation;
use super::{Between, Measure};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(in super::super) static KL_BETWEEN: Between = Between {
    name: "kl_between",
    options: &[OptionName::Bins, OptionName::Eps],
    measure: Measure::Binned(|r, c, options| divergence::kl_divergence(r, c, options.eps)),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::binned(
        "kl_between",
        "Kullback-Leibler divergence KL(reference || current) in nats between two distributions, DOUBLE from 0 (equal) upwards.\n\n\
         `kl = sum over bins of r * ln(r / c)` with the shares `r` of the reference and `c` of the current distribution, clipped at \
         `eps` from below and renormalised: `kl_divergence` over bins at ends of buckets. Source: Kullback and Leibler (1951).",
        "`eps=1e-4`: the least share of a bin before renormalising, in (0, 1)",
    )
});
