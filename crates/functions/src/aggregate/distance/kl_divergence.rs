//! `kl_divergence`: the Kullback-Leibler divergence of the current population from the reference.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::conventions::evidently;
use crate::kernels::divergence;
use crate::options::{OptionName, Profile};

pub(crate) static KL_DIVERGENCE: Comparison = Comparison {
    name: "kl_divergence",
    options: &[
        OptionName::Bins,
        OptionName::Binning,
        OptionName::Edges,
        OptionName::Eps,
        OptionName::Profile,
    ],
    returns: Returns::Double,
    measure: Measure::Profiled {
        default: &Measure::Binned(|counts, options| {
            divergence::kl_divergence(counts.reference, counts.current, options.eps).into()
        }),
        profiles: &[(
            Profile::Evidently,
            Measure::Mixed {
                numbers: |sides, _| {
                    let [r, c] = evidently::bins(sides.reference, sides.current, sides.integers);
                    evidently::kl_divergence(&r, &c).into()
                },
                categories: |counts, _| evidently::kl_divergence(counts.reference, counts.current).into(),
            },
        )],
    },
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &KL_DIVERGENCE,
        &format!(
            "Kullback-Leibler divergence KL(reference || current) in nats, DOUBLE from 0 (equal) upwards.\n\n\
             `kl = sum over bins of r * ln(r / c)` with the shares `r` of the reference and `c` of the current population, \
             clipped at `eps` from below and renormalised, as `scipy.stats.entropy(r, c)` computes it. Source: Kullback \
             and Leibler (1951).\n\n{BINNED_ROWS}"
        ),
        "`eps=1e-4`: the least share of a bin before renormalising, in (0, 1). `profile=evidently`: that tool's bins and formula to \
         the digit, instead of all other options; see [the conventions](drift-conventions.md).",
    )
});
