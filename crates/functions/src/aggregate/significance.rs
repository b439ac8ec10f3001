//! Whether two populations differ by more than chance.

mod ad_test;
mod chi2_test;
mod cramers_v;
mod cvm_test;
mod drift_auto;
mod g_test;
mod homogeneity;
mod ks_test;
mod mwu_test;
mod null_rate_drift;
mod ranked;
mod rates;
mod welch_t_test;
mod z_test_prop;

use super::comparison::Comparison;

pub(crate) use ks_test::alternative;

/// In the order of the documentation.
pub(crate) const ALL: [&Comparison; 11] = [
    &ks_test::KS_TEST,
    &cvm_test::CVM_TEST,
    &ad_test::AD_TEST,
    &mwu_test::MWU_TEST,
    &welch_t_test::WELCH_T_TEST,
    &chi2_test::CHI2_TEST,
    &g_test::G_TEST,
    &cramers_v::CRAMERS_V,
    &z_test_prop::Z_TEST_PROP,
    &null_rate_drift::NULL_RATE_DRIFT,
    &drift_auto::DRIFT_AUTO,
];
