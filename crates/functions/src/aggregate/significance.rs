//! Whether two populations differ by more than chance.

mod chi2_test;
mod cramers_v;
mod g_test;
mod homogeneity;
mod ks_test;
mod null_rate_drift;
mod rates;
mod z_test_prop;

use super::comparison::Comparison;

/// In the order of the documentation.
pub(crate) const ALL: [&Comparison; 6] = [
    &ks_test::KS_TEST,
    &chi2_test::CHI2_TEST,
    &g_test::G_TEST,
    &cramers_v::CRAMERS_V,
    &z_test_prop::Z_TEST_PROP,
    &null_rate_drift::NULL_RATE_DRIFT,
];
