//! `hellinger`: the Hellinger distance between two populations.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::conventions::{evidently, nannyml};
use crate::kernels::divergence;
use crate::options::{OptionName, Profile};

pub(crate) static HELLINGER: Comparison = Comparison {
    name: "hellinger",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges, OptionName::Profile],
    returns: Returns::Double,
    measure: Measure::Profiled {
        default: &Measure::Binned(|counts, _| divergence::hellinger(counts.reference, counts.current).into()),
        profiles: &[
            (
                Profile::Evidently,
                Measure::Mixed {
                    numbers: |sides, _| {
                        let [r, c] =
                            evidently::hellinger_bins(sides.reference, sides.current, sides.integers);
                        divergence::hellinger(&r, &c).into()
                    },
                    categories: |counts, _| divergence::hellinger(counts.reference, counts.current).into(),
                },
            ),
            (
                Profile::Nannyml,
                Measure::Mixed {
                    numbers: |sides, _| {
                        let [r, c] = nannyml::bins(sides.reference, sides.current);
                        divergence::hellinger(&r, &c).into()
                    },
                    categories: |counts, _| divergence::hellinger(counts.reference, counts.current).into(),
                },
            ),
        ],
    },
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &HELLINGER,
        &format!(
            "Hellinger distance, DOUBLE from 0 (equal) to 1 (disjoint); a metric. 0.1 is commonly watched.\n\n\
             `sqrt(sum over bins of (sqrt(r) - sqrt(c))² / 2)` with the shares `r` of the reference and `c` of the current \
             population, no smoothing. Source: Hellinger (1909).\n\n{BINNED_ROWS}"
        ),
        "`profile=evidently` or `nannyml`: that tool's bins to the digit, instead of all other options; see [the \
         conventions](drift-conventions.md).",
    )
});
