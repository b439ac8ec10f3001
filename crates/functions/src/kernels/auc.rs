//! The area under the ROC curve, exactly.

/// The probability that a positive scores above a negative, ties counting half; `None` when one of the two is missing.
///
/// Both sorted. Equal to the trapezoids under the ROC curve and to `U / (n_neg n_pos)` of Mann and Whitney with midranks.
/// Pairs are counted in integers, twice, so that half a tie is whole: exact before the one division.
pub fn roc_auc(negatives: &[u64], positives: &[u64]) -> Option<f64> {
    if negatives.is_empty() || positives.is_empty() {
        return None;
    }
    let (mut below, mut tied_to) = (0, 0);
    let mut twice: u128 = 0;
    for &positive in positives {
        while below < negatives.len() && negatives[below] < positive {
            below += 1;
        }
        tied_to = tied_to.max(below);
        while tied_to < negatives.len() && negatives[tied_to] == positive {
            tied_to += 1;
        }
        twice += (below + tied_to) as u128;
    }
    let pairs = negatives.len() as u128 * positives.len() as u128;
    Some(twice as f64 / (2 * pairs) as f64)
}

#[cfg(test)]
mod tests;
