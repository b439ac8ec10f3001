//! deepchecks 0.19.1, FeatureDrift with its defaults.
//!
//! Categories: rare ones are put together, PSI with shares of at least 1 %. Numbers: the earth mover's distance over the
//! range that is left when the tails are cut off. With less than [`VALUES_MIN`] values a side there is no answer.

use super::super::bins::quantile;
use super::super::keys::key_of;
use super::super::transport;
use super::stability_index;

/// The least values of each side.
pub const VALUES_MIN: u64 = 10;
/// Categories with a smaller share of the reference are one: "Other rare categories".
const SHARE_MIN: f64 = 0.01;
/// The least share that PSI compares.
const PSI_SHARE_MIN: f64 = 0.01;
/// What is cut off of both sides at either end.
const MARGIN: f64 = 0.025;

/// PSI of categories; `None` with too few values.
pub fn psi(reference: &[u64], current: &[u64]) -> Option<f64> {
    let (n, m) = (reference.iter().sum::<u64>(), current.iter().sum::<u64>());
    if n < VALUES_MIN || m < VALUES_MIN {
        return None;
    }
    let least = n as f64 * SHARE_MIN;
    let (rare, mut kept): (Vec<_>, Vec<_>) =
        reference.iter().copied().zip(current.iter().copied()).partition(|(r, _)| (*r as f64) < least);
    let other = rare.iter().fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    if other.0 as f64 > least || other.1 as f64 > m as f64 * SHARE_MIN {
        kept.push(other);
    }
    let shares = |side: fn(&(u64, u64)) -> u64| {
        let total = kept.iter().map(side).sum::<u64>() as f64;
        kept.iter().map(|pair| (side(pair) as f64 / total).max(PSI_SHARE_MIN)).collect::<Vec<f64>>()
    };
    Some(stability_index(&shares(|pair| pair.0), &shares(|pair| pair.1)))
}

/// Earth Mover's Distance of numbers, as a share of the range; `None` with too few values.
pub fn earth_movers_distance(reference: &[u64], current: &[u64]) -> Option<f64> {
    if (reference.len() as u64) < VALUES_MIN || (current.len() as u64) < VALUES_MIN {
        return None;
    }
    Some(transport::wasserstein_of_range(without_tails(reference), without_tails(current)))
}

/// The values between the quantiles, both included.
fn without_tails(keys: &[u64]) -> &[u64] {
    let at = |q: f64| key_of(quantile(keys.len(), q, |position| keys[position]));
    let (low, high) = (at(MARGIN), at(1.0 - MARGIN));
    &keys[keys.partition_point(|&key| key < low)..keys.partition_point(|&key| key <= high)]
}
