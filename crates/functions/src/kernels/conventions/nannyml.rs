//! NannyML 0.13.1.
//!
//! Numbers: Doane's bins of the reference, read as DOUBLE; what the current population has outside them is one bin more.
//! Categories that only the current population has are one bin too, which changes neither distance. The formulas are ours:
//! Jensen-Shannon to base 2, Hellinger.

use super::super::histograms::{counts, doane_bins, edges};
use super::super::keys::value_of;
use super::Counted;

/// The bins of jensen_shannon and hellinger.
pub fn bins(reference: &[u64], current: &[u64]) -> Counted {
    let (low, high) = (value_of(reference[0]), value_of(reference[reference.len() - 1]));
    let edges = edges(low, high, doane_bins(reference, false));
    let [mut r, mut c] = [counts(reference, &edges), counts(current, &edges)];
    let leftover = current.len() as u64 - c.iter().sum::<u64>();
    if leftover > 0 {
        r.push(0);
        c.push(leftover);
    }
    [r, c]
}
