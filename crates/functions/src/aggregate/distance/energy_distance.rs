//! `energy_distance`: the distance of Székely and Rizzo.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Answer, Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, RANKED_ROWS};
use crate::kernels::transport;

pub(crate) static ENERGY_DISTANCE: Comparison = Comparison {
    name: "energy_distance",
    options: &[],
    returns: Returns::Double,
    measure: Measure::Ranked(|sides, _| {
        Answer::Double(transport::energy_distance(sides.reference, sides.current))
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &ENERGY_DISTANCE,
        &format!(
            "Energy distance, DOUBLE from 0 (equal) upwards, in the square root of the values' unit.\n\n\
             `sqrt(2 * integral of (F(x) - G(x))² dx)` with the empirical distributions `F` of the reference and `G` of the \
             current population, exact, without bins: `scipy.stats.energy_distance(reference, current)` to 1e-9. Less swayed \
             by outliers than `wasserstein`. Source: Székely and Rizzo (2013).\n\n{RANKED_ROWS}"
        ),
        "",
    )
});
