//! How far apart two populations are, over the same bins.

mod js_distance;
mod js_divergence;
mod kl_divergence;
mod psi;

use super::comparison::Comparison;

/// In the order of the documentation.
pub(crate) const ALL: [&Comparison; 4] =
    [&psi::PSI, &kl_divergence::KL_DIVERGENCE, &js_divergence::JS_DIVERGENCE, &js_distance::JS_DISTANCE];
