//! Quantiles and shares out of a distribution.

use super::{Cell, Distribution};

/// A stretch of the number line over which values are taken to lie evenly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) low: f64,
    pub(super) high: f64,
    /// The share of all values below it, and through its end.
    pub(super) before: f64,
    pub(super) after: f64,
}

impl Distribution {
    /// The cells at this scale, the outer ones cut off at the least and the largest value where these are known.
    pub(super) fn clipped_cells(&self) -> Vec<Cell> {
        let mut cells = self.cells(self.scale);
        if let Some((min, max)) = self.range {
            if let Some(first) = cells.first_mut() {
                first.low = min;
            }
            if let Some(last) = cells.last_mut() {
                last.high = max;
            }
        }
        cells
    }

    /// The quantile `q` in [0, 1] by linear interpolation between order statistics (Hyndman and Fan's type 7); `None` without
    /// values.
    ///
    /// The order statistics are taken to lie evenly within their bucket; least and largest value are exact. Either order
    /// statistic lies in the same bucket as the true one, so for values of one sign the answer is off by a factor of at most
    /// `2^(2^-scale)`.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let cells = self.clipped_cells();
        let position = last as f64 * q;
        let rank = (position.floor() as u64).min(last);
        let part = position - rank as f64;
        let low = self.order_statistic(&cells, rank);
        if part <= 0.0 || rank == last {
            return Some(low);
        }
        let high = self.order_statistic(&cells, rank + 1);
        Some(between(low, high, part))
    }

    /// The share of values that are `x` or less, in [0, 1]; `None` without values. Exact at the ends of buckets; within one,
    /// values are taken to lie evenly, so it is off by at most the bucket's share.
    pub fn share_at_most(&self, x: f64) -> Option<f64> {
        (self.count() > 0).then(|| at(&self.pieces(), x).1)
    }

    /// The cells cut off at the least and the largest value.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        self.pieces_of(self.clipped_cells())
    }

    /// The cells as they are: those of equal buckets are equal.
    pub(super) fn whole_pieces(&self) -> Vec<Piece> {
        self.pieces_of(self.cells(self.scale))
    }

    fn pieces_of(&self, cells: Vec<Cell>) -> Vec<Piece> {
        let total = self.count() as f64;
        let mut below = 0;
        let piece = |cell: Cell| {
            let before = below as f64 / total;
            below += cell.count;
            Piece { low: cell.low, high: cell.high, before, after: below as f64 / total }
        };
        cells.into_iter().map(piece).collect()
    }

    /// The value of a rank from 0 on; the rank is less than the count.
    fn order_statistic(&self, cells: &[Cell], rank: u64) -> f64 {
        if let Some((min, max)) = self.range {
            if rank == 0 {
                return min;
            }
            if rank + 1 == self.count() {
                return max;
            }
        }
        let mut below = 0;
        for cell in cells {
            if rank < below + cell.count {
                return between(cell.low, cell.high, ((rank - below) as f64 + 0.5) / cell.count as f64);
            }
            below += cell.count;
        }
        cells.last().map_or(0.0, |cell| cell.high)
    }
}

/// The shares below `x` and through `x`.
pub(super) fn at(pieces: &[Piece], x: f64) -> (f64, f64) {
    let within = |piece: &Piece| {
        let part = fraction(piece.low, piece.high, x);
        piece.before + (piece.after - piece.before) * part
    };
    let below = match pieces.get(pieces.partition_point(|piece| piece.high < x)) {
        None => 1.0,
        Some(piece) if x <= piece.low => piece.before,
        Some(piece) => within(piece),
    };
    let through = match pieces[..pieces.partition_point(|piece| piece.low <= x)].last() {
        None => 0.0,
        Some(piece) if piece.high <= x => piece.after,
        Some(piece) => within(piece),
    };
    (below, through)
}

/// Where `x` lies between two ends; never NaN for `low < high`.
fn fraction(low: f64, high: f64, x: f64) -> f64 {
    let width = high - low;
    if width.is_finite() { (x - low) / width } else { (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) }
}

/// The point `part` of the way between two ends.
fn between(low: f64, high: f64, part: f64) -> f64 {
    (low * (1.0 - part) + high * part).max(low).min(high) + 0.0
}
