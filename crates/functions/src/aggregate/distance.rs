//! How far apart two populations are, over the same bins.

mod hellinger;
mod js_distance;
mod js_divergence;
mod kl_divergence;
mod linf_distance;
mod psi;
mod psi_detail;
mod tv_distance;

use super::comparison::Comparison;

/// In the order of the documentation.
pub(crate) const ALL: [&Comparison; 8] = [
    &psi::PSI,
    &psi_detail::PSI_DETAIL,
    &kl_divergence::KL_DIVERGENCE,
    &js_divergence::JS_DIVERGENCE,
    &js_distance::JS_DISTANCE,
    &hellinger::HELLINGER,
    &tv_distance::TV_DISTANCE,
    &linf_distance::LINF_DISTANCE,
];
