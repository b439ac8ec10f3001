//! `wasserstein`: the earth mover's distance.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Answer, Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, RANKED_ROWS};
use crate::kernels::transport;

pub(crate) static WASSERSTEIN: Comparison = Comparison {
    name: "wasserstein",
    options: &[],
    returns: Returns::Double,
    measure: Measure::Ranked(|sides, _| {
        Answer::Double(transport::wasserstein(sides.reference, sides.current))
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &WASSERSTEIN,
        &format!(
            "Wasserstein's distance (earth mover's), DOUBLE from 0 (equal) upwards, in the unit of the values: how far a value \
             must move on average to make one population the other.\n\n\
             `integral of |F(x) - G(x)| dx` with the empirical distributions `F` of the reference and `G` of the current \
             population, exact, without bins: `scipy.stats.wasserstein_distance(reference, current)` to 1e-9. NULL where it \
             or the range of the values exceeds the largest DOUBLE. Source: Vallender (1973).\n\n\
             One far outlier weighs as its distance: a threshold for all columns suits `wasserstein_norm` better.\n\n{RANKED_ROWS}"
        ),
        "",
    )
});
