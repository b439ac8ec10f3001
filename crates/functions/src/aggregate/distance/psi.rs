//! `psi`: the population stability index.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::conventions::{deepchecks, evidently, fiddler, popmon};
use crate::kernels::divergence;
use crate::options::{OptionName, Profile};

pub(crate) static PSI: Comparison = Comparison {
    name: "psi",
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
            divergence::psi(counts.reference, counts.current, options.eps).into()
        }),
        profiles: &[
            (
                Profile::Evidently,
                Measure::Mixed {
                    numbers: |sides, _| {
                        let [r, c] = evidently::bins(sides.reference, sides.current, sides.integers);
                        evidently::psi(&r, &c).into()
                    },
                    categories: |counts, _| evidently::psi(counts.reference, counts.current).into(),
                },
            ),
            (
                Profile::Fiddler,
                Measure::Mixed {
                    numbers: |sides, _| {
                        let [r, c] = fiddler::bins(sides.reference, sides.current);
                        fiddler::psi(&r, &c).into()
                    },
                    categories: |counts, _| fiddler::psi(counts.reference, counts.current).into(),
                },
            ),
            (
                Profile::PopmonNorm,
                Measure::Mixed {
                    numbers: |sides, _| {
                        let [r, c] = popmon::bins(sides.reference, sides.current, sides.integers);
                        popmon::psi(&r, &c).into()
                    },
                    categories: |counts, _| popmon::psi(counts.reference, counts.current).into(),
                },
            ),
            (
                Profile::Deepchecks,
                Measure::Categories(|counts, _| deepchecks::psi(counts.reference, counts.current).into()),
            ),
        ],
    },
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &PSI,
        &format!(
            "Population stability index, DOUBLE from 0 (equal) upwards; 0.1 is commonly watched, 0.25 is commonly acted on.\n\n\
             `psi = sum over bins of (c - r) * ln(c / r)` with the shares `r` of the reference and `c` of the current \
             population, each clipped at `eps` from below and not renormalised. Source: Siddiqi, Credit Risk Scorecards \
             (2006), with the bins and the clipping named here.\n\n{BINNED_ROWS}\n\n\
             With B bins and no drift the expected value is about (B - 1)(1/n_ref + 1/n_cur): with ten bins, ask for 500 \
             rows a side before 0.1 means anything."
        ),
        "`eps=1e-4`: the least share of a bin, in (0, 1). `profile=evidently`, `fiddler`, `popmon_norm` or `deepchecks` \
         (categories alone): that tool's bins and formula to the digit, instead of all other options; see \
         [the conventions](drift-conventions.md).",
    )
});
