//! Distances that a distribution gives within bounds: what lies inside a bucket is unknown.

use super::Distribution;
use super::alignment::{SharedCell, shared_cells};
use super::quantile::{Piece, at};

/// Between which bounds a number of the raw values lies, whatever they were, and an estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// It is not less.
    pub lo: f64,
    /// What it is if values lie evenly within their buckets, as far as the bounds allow; for equal distributions 0.
    pub est: f64,
    /// It is not more.
    pub hi: f64,
}

/// The Kolmogorov-Smirnov statistic `max |F - G|`; `None` when a side is empty.
///
/// At the end of a bucket both shares are exact, which gives the lower bound. Within bucket i the reference's share lies
/// between `F_(i-1)` and `F_i`, so the upper bound is the maximum of `F_i - G_(i-1)` and `G_i - F_(i-1)`: of the former only
/// where some of the reference can lie before some of the current side, as their least and largest values tell, and of the
/// latter the other way round. Zero is one point, and has nothing inside.
pub fn ks(reference: &Distribution, current: &Distribution) -> Option<Bounds> {
    let (mut lo, mut hi) = (0f64, 0f64);
    let (left, right) = (range(reference), range(current));
    for step in steps(reference, current)? {
        lo = lo.max(step.apart_after());
        hi = hi.max(step.apart_after());
        let (f_first, g_first) = (step.reference.1 - step.current.0, step.current.1 - step.reference.0);
        let cell = (step.cell.low, step.cell.high);
        let (f, g) = (within(cell, left), within(cell, right));
        // all of one side may lie before all of the other, or is known to
        for (first, second, apart) in [(f, g, f_first), (g, f, g_first)] {
            hi = if first.0 < second.1 { hi.max(apart) } else { hi };
            lo = if first.1 < second.0 { lo.max(apart) } else { lo };
        }
    }
    let (left, right) = (reference.whole_pieces(), current.whole_pieces());
    let est = knots(&left, &right).into_iter().fold(0f64, |most, x| {
        let (f, g) = (at(&left, x), at(&right, x));
        most.max((f.0 - g.0).abs()).max((f.1 - g.1).abs())
    });
    Some(Bounds { lo, est: est.max(lo).min(hi), hi })
}

/// Wasserstein's distance of order 1, `integral |F - G|`, in the unit of the values; `None` when a side is empty, or a bound
/// is beyond the largest DOUBLE.
///
/// The bounds integrate the least and the largest `|F - G|` that each bucket allows, cut off at least and largest value. The
/// difference of the means, known exactly from the sums, is a lower bound as well.
pub fn wasserstein(reference: &Distribution, current: &Distribution) -> Option<Bounds> {
    let steps = steps(reference, current)?;
    let (mut lo, mut hi) = (0f64, 0f64);
    let (floor, ceiling) = common_range(reference, current);
    let mut end: Option<(f64, f64)> = None;
    for step in &steps {
        let (low, high) = (step.cell.low.max(floor), step.cell.high.min(ceiling));
        if let Some((from, apart)) = end {
            let gap = apart * (low - from).max(0.0);
            (lo, hi) = (lo + gap, hi + gap);
        }
        let width = (high - low).max(0.0);
        lo += step.apart_least() * width;
        hi += step.apart_most() * width;
        end = Some((high, step.apart_after()));
    }
    let hi = hi.max(lo);
    let lo = lo.max(means_apart(reference, current)).min(hi);
    let est = evenly_apart(reference, current).max(lo).min(hi);
    (lo.is_finite() && hi.is_finite()).then_some(Bounds { lo, est, hi })
}

/// A shared cell with the shares below it and through it.
struct Step {
    cell: SharedCell,
    reference: (f64, f64),
    current: (f64, f64),
}

impl Step {
    fn apart_after(&self) -> f64 {
        (self.reference.1 - self.current.1).abs()
    }

    fn apart_most(&self) -> f64 {
        (self.reference.1 - self.current.0).max(self.current.1 - self.reference.0)
    }

    fn apart_least(&self) -> f64 {
        (self.reference.0 - self.current.1).max(self.current.0 - self.reference.1).max(0.0)
    }
}

fn steps(reference: &Distribution, current: &Distribution) -> Option<Vec<Step>> {
    let (n, m) = (reference.count(), current.count());
    if n == 0 || m == 0 {
        return None;
    }
    let (mut x, mut y) = (0u64, 0u64);
    let share = |count: u64, total: u64| count as f64 / total as f64;
    let step = |cell: SharedCell| {
        let before = (share(x, n), share(y, m));
        (x, y) = (x + cell.reference, y + cell.current);
        Step { cell, reference: (before.0, share(x, n)), current: (before.1, share(y, m)) }
    };
    Some(shared_cells(reference, current).into_iter().map(step).collect())
}

/// Between which ends a side's values lie, as far as it knows.
fn range(side: &Distribution) -> (f64, f64) {
    side.range.unwrap_or((f64::MIN, f64::MAX))
}

/// What of a cell lies between two ends.
fn within(cell: (f64, f64), ends: (f64, f64)) -> (f64, f64) {
    (cell.0.max(ends.0), cell.1.min(ends.1))
}

/// Between which ends all values lie.
fn common_range(reference: &Distribution, current: &Distribution) -> (f64, f64) {
    let (left, right) = (range(reference), range(current));
    (left.0.min(right.0), left.1.max(right.1))
}

/// The distance of the means, less what their rounding could add to it.
fn means_apart(reference: &Distribution, current: &Distribution) -> f64 {
    const ROUNDINGS: f64 = 4.0 * f64::EPSILON;
    let mean = |side: &Distribution| side.sum_value().map(|sum| sum / side.count() as f64);
    match (mean(reference), mean(current)) {
        (Some(a), Some(b)) => {
            let apart = (a - b).abs() - ROUNDINGS * (a.abs() + b.abs());
            if apart.is_finite() { apart.max(0.0) } else { 0.0 }
        }
        _ => 0.0,
    }
}

/// `integral |F - G|` for values that lie evenly within their buckets.
fn evenly_apart(reference: &Distribution, current: &Distribution) -> f64 {
    let (left, right) = (reference.pieces(), current.pieces());
    let knots = knots(&left, &right);
    let stretch = |pair: &[f64]| {
        let (x, y) = (pair[0], pair[1]);
        let start = at(&left, x).1 - at(&right, x).1;
        let end = at(&left, y).0 - at(&right, y).0;
        let sum = start.abs() + end.abs();
        let mean = match sum {
            0.0 => 0.0,
            _ if start * end >= 0.0 => sum / 2.0,
            // the curves cross: two triangles
            _ => (start * start + end * end) / (2.0 * sum),
        };
        mean * (y - x)
    };
    knots.windows(2).map(stretch).sum()
}

/// Where either curve bends, rising.
fn knots(left: &[Piece], right: &[Piece]) -> Vec<f64> {
    let mut knots: Vec<f64> =
        left.iter().chain(right).flat_map(|piece| [piece.low + 0.0, piece.high + 0.0]).collect();
    knots.sort_unstable_by(f64::total_cmp);
    knots.dedup();
    knots
}
