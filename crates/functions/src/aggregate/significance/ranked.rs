//! What the tests of ranked numbers share: `cvm_test`, `ad_test`, `mwu_test` and `welch_t_test` return the same fields.

use crate::aggregate::comparison::{Answer, Cell, Kind, Returns, Sorted};

pub(crate) const RETURNS: Returns = Returns::Struct(&[
    ("statistic", Kind::Double),
    ("p_value", Kind::Double),
    ("p_clipped", Kind::Boolean),
    ("n_ref", Kind::BigInt),
    ("n_cur", Kind::BigInt),
]);

/// The outcome of a test. `is_clipped` says that the p-value is only a bound.
pub(crate) fn answer(statistic: Option<f64>, p_value: f64, is_clipped: bool, sides: &Sorted<'_>) -> Answer {
    Answer::Struct(vec![
        statistic.into(),
        Cell::Double(p_value),
        Cell::Boolean(is_clipped),
        Cell::Count(sides.reference.len() as u64),
        Cell::Count(sides.current.len() as u64),
    ])
}

/// The fields, as the documentation of each begins with them.
pub(crate) const FIELDS: &str =
    "STRUCT(statistic DOUBLE, p_value DOUBLE, p_clipped BOOLEAN, n_ref BIGINT, n_cur BIGINT)";

/// What the documentation of each says of the p-value.
pub(crate) const P_VALUE: &str = "`n_ref` and `n_cur` count the values used. The p-value assumes independent rows, and at millions \
    of rows it is near 0 for shifts that matter to nobody: alert on an effect size such as `ks_statistic` or `wasserstein_norm`.";
