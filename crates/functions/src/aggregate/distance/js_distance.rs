//! `js_distance`: the Jensen-Shannon distance between two populations.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::conventions::{evidently, nannyml};
use crate::kernels::divergence;
use crate::options::{OptionName, Profile};

pub(crate) static JS_DISTANCE: Comparison = Comparison {
    name: "js_distance",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges, OptionName::Profile],
    returns: Returns::Double,
    measure: Measure::Profiled {
        default: &Measure::Binned(|counts, _| {
            divergence::js_distance(counts.reference, counts.current).into()
        }),
        profiles: &[
            (
                Profile::Evidently,
                Measure::Mixed {
                    numbers: |sides, _| {
                        let [r, c] = evidently::bins(sides.reference, sides.current, sides.integers);
                        evidently::js_distance(&r, &c).into()
                    },
                    categories: |counts, _| evidently::js_distance(counts.reference, counts.current).into(),
                },
            ),
            (
                Profile::Nannyml,
                Measure::Mixed {
                    numbers: |sides, _| {
                        let [r, c] = nannyml::bins(sides.reference, sides.current);
                        divergence::js_distance(&r, &c).into()
                    },
                    categories: |counts, _| divergence::js_distance(counts.reference, counts.current).into(),
                },
            ),
        ],
    },
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &JS_DISTANCE,
        &format!(
            "Jensen-Shannon distance, DOUBLE from 0 (equal) to 1 (disjoint): the square root of `js_divergence`; a metric. 0.1 is \
             commonly watched.\n\n\
             `sqrt((KL(r || m) + KL(c || m)) / 2)` with `m = (r + c) / 2`, logarithms to base 2, shares `r` of the \
             reference and `c` of the current population, no smoothing: `scipy.spatial.distance.jensenshannon(r, c, 2)`. \
             Source: Endres and Schindelin (2003).\n\n{BINNED_ROWS}"
        ),
        "`profile=evidently` (base e: at most 0.83255) or `nannyml`: that tool's bins and formula to the digit, instead of all \
         other options; see [the conventions](drift-conventions.md).",
    )
});
