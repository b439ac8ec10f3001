//! Functions of a row and the rows of its frame, which may lie anywhere: before the row, around it, without it.
//!
//! DataFusion tells an evaluator the frame of each row but not the row, so rows are counted, which needs the whole partition
//! at once: its memory grows with the partition.

pub(super) mod mad_score;
pub(super) mod zscore;

/// A score as a result: what is not a number is NULL.
fn finite(score: f64) -> Option<f64> {
    score.is_finite().then_some(score)
}
