//! `js_divergence`: the Jensen-Shannon divergence between two populations.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::conventions::popmon;
use crate::kernels::divergence;
use crate::options::{OptionName, Profile};

pub(crate) static JS_DIVERGENCE: Comparison = Comparison {
    name: "js_divergence",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges, OptionName::Profile],
    returns: Returns::Double,
    measure: Measure::Profiled {
        default: &Measure::Binned(|counts, _| {
            divergence::js_divergence(counts.reference, counts.current).into()
        }),
        profiles: &[(
            Profile::PopmonNorm,
            Measure::Mixed {
                numbers: |sides, _| {
                    let [r, c] = popmon::bins(sides.reference, sides.current, sides.integers);
                    popmon::js_divergence(&r, &c).into()
                },
                categories: |counts, _| popmon::js_divergence(counts.reference, counts.current).into(),
            },
        )],
    },
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &JS_DIVERGENCE,
        &format!(
            "Jensen-Shannon divergence in bits, DOUBLE from 0 (equal) to 1 (disjoint). Its square root is `js_distance`.\n\n\
             `js = (KL(r || m) + KL(c || m)) / 2` with `m = (r + c) / 2`, logarithms to base 2, shares `r` of the \
             reference and `c` of the current population, no smoothing: `scipy.spatial.distance.jensenshannon(r, c, 2) ** 2`. \
             Source: Lin (1991).\n\n{BINNED_ROWS}"
        ),
        "`profile=popmon_norm` (in nats: at most 0.693): popmon's bins and formula to the digit, over shares, instead of all \
         other options; see [the conventions](drift-conventions.md).",
    )
});
