//! What the tests of two shares have in common: `z_test_prop` and `null_rate_drift` return the same fields.

use crate::aggregate::comparison::{Answer, Cell, Kind, Returns};
use crate::kernels::proportions;

pub(crate) const RETURNS: Returns = Returns::Struct(&[
    ("statistic", Kind::Double),
    ("p_value", Kind::Double),
    ("rate_ref", Kind::Double),
    ("rate_cur", Kind::Double),
    ("n_ref", Kind::BigInt),
    ("n_cur", Kind::BigInt),
]);

/// The test of `rows` of which `hits` count, of the reference and of the current population.
pub(crate) fn answer(hits: [u64; 2], rows: [u64; 2]) -> Answer {
    if rows.contains(&0) {
        return Answer::Null;
    }
    let test = proportions::z_test(hits[0], rows[0], hits[1], rows[1]);
    Answer::Struct(vec![
        Cell::Double(test.statistic),
        Cell::Double(test.p_value),
        Cell::Double(hits[0] as f64 / rows[0] as f64),
        Cell::Double(hits[1] as f64 / rows[1] as f64),
        Cell::Count(rows[0]),
        Cell::Count(rows[1]),
    ])
}

/// What the documentation of both says of the test.
pub(crate) const TEST: &str = "`statistic = (rate_cur - rate_ref) / sqrt(p * (1 - p) * (1/n_ref + 1/n_cur))` with the share `p` of \
    both sides together, above 0 where the rate has grown; `p_value` is two-sided. Both equal \
    `statsmodels.stats.proportion.proportions_ztest([cur, ref], [n_cur, n_ref])` to 1e-9; where all rows of both sides agree \
    they are 0 and 1. Source: Fleiss, Statistical Methods for Rates and Proportions (1981). The p-value assumes independent \
    rows and is rough below 5 rows of either kind.";
