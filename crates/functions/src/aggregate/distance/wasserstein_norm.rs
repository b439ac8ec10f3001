//! `wasserstein_norm`: the earth mover's distance in standard deviations of the reference.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Answer, Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, RANKED_ROWS};
use crate::kernels::conventions::deepchecks;
use crate::kernels::transport::{self, DEVIATION_MIN};
use crate::options::{OptionName, Profile};

pub(crate) static WASSERSTEIN_NORM: Comparison = Comparison {
    name: "wasserstein_norm",
    options: &[OptionName::Profile],
    returns: Returns::Double,
    measure: Measure::Profiled {
        default: &OURS,
        profiles: &[
            (Profile::Evidently, OURS),
            (
                Profile::Deepchecks,
                Measure::Ranked(|sides, _| {
                    deepchecks::earth_movers_distance(sides.reference, sides.current).into()
                }),
            ),
        ],
    },
    documentation: || &DOCUMENTATION,
};

/// evidently's is ours.
const OURS: Measure =
    Measure::Ranked(|sides, _| Answer::Double(transport::wasserstein_norm(sides.reference, sides.current)));

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &WASSERSTEIN_NORM,
        &format!(
            "Wasserstein's distance in standard deviations of the reference, DOUBLE from 0 (equal) upwards; 0.1 is commonly \
             watched.\n\n\
             `wasserstein / max(s, {DEVIATION_MIN})` with the standard deviation `s` of the reference (ddof 0): \
             `scipy.stats.wasserstein_distance(reference, current) / max(numpy.std(reference), {DEVIATION_MIN})` to 1e-9, which \
             is evidently's. The floor is in the unit of the values: for columns as small as it, scale them first. Source: \
             Vallender (1973).\n\n{RANKED_ROWS}"
        ),
        "`profile=evidently` (the same) or `deepchecks` (tails of 2.5 % cut off, as a share of the range that is left, at most \
         1): that tool's formula to the digit; see [the conventions](drift-conventions.md).",
    )
});
