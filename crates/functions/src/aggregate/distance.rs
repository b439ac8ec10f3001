//! How far apart two populations are: over the same bins, or by their sorted numbers.

mod energy_distance;
mod hellinger;
mod js_distance;
mod js_divergence;
mod kl_divergence;
mod ks_statistic;
mod linf_distance;
mod psi;
mod psi_detail;
mod tv_distance;
mod wasserstein;
mod wasserstein_norm;

use super::comparison::Comparison;

/// In the order of the documentation.
pub(crate) const ALL: [&Comparison; 12] = [
    &psi::PSI,
    &psi_detail::PSI_DETAIL,
    &kl_divergence::KL_DIVERGENCE,
    &js_divergence::JS_DIVERGENCE,
    &js_distance::JS_DISTANCE,
    &hellinger::HELLINGER,
    &tv_distance::TV_DISTANCE,
    &linf_distance::LINF_DISTANCE,
    &ks_statistic::KS_STATISTIC,
    &wasserstein::WASSERSTEIN,
    &wasserstein_norm::WASSERSTEIN_NORM,
    &energy_distance::ENERGY_DISTANCE,
];
