//! Aggregate functions, one a file. `comparison` is what the functions over two populations share, `slo` what the functions of
//! service levels share, `quality` the functions over labels and predictions, `embedding` the functions over embeddings; `psi_ci` compares two
//! populations whose rows come in clusters.
//!
//! # How to add a function over two populations
//!
//! One file in `distance` (how far apart) or `significance` (more than chance), with one `static` [`comparison::Comparison`]:
//!
//! 1. `measure` says from what the answer is made, and with it which values the function takes:
//!
//!    | measure | from | takes |
//!    |---|---|---|
//!    | `Measure::Binned` | counts over the same bins, with the labels of the bins | numbers, text, booleans |
//!    | `Measure::Ranked` | the sorted numbers of both sides: ranks, distances, and moments summed in that one order | numbers |
//!    | `Measure::Mixed` | the sorted numbers, or the counts of categories | numbers, text, booleans |
//!    | `Measure::Categories` | the counts of categories | text, booleans |
//!    | `Measure::Flagged` | the counts of false and true | booleans |
//!    | `Measure::Presence` | how many values are there, and how many are NULL | anything |
//!
//!    `Measure::Profiled` is one of these unless option `profile` names a tool whose convention is another one of them; what
//!    the tools compute is in `kernels::conventions`.
//!
//!    All but `Ranked` also compare with a `baseline(...)`, without a line of their own. (`Measure::Summary` is what
//!    `CREATE BASELINE` keeps.)
//!
//!    Each also gets `excluded`: how many NULL, NaN and infinite values either side left out. The arithmetic is a function
//!    in `kernels`, on plain slices, checked there against its named reference.
//! 2. `returns` is `Returns::Double`, or `Returns::Struct` with the names and kinds of its fields; the measure then gives an
//!    `Answer` of the same shape. `Answer::Null` is NULL as a whole; an empty side is NULL before the measure is asked.
//! 3. `options` lists which options of [`crate::options`] it takes.
//! 4. `documentation` says formula, source, defaults, and what NULL does; arguments and example come by themselves.
//!
//! Then its line in `ALL` of the folder, `tests/slt/functions/<name>.slt`, golden values in `crate::tests::golden`, and its
//! call in the lists of `tests::properties`, `tests::windows` and `tests::emission`, which check what all functions promise:
//! results depend on rows alone, not on batches, partitions, order or partial states. Print `docs/functions.md` again.
//!
//! What is kept of a group is chosen from measure, type and options in `comparison::function`; a new way of keeping rows is
//! a pair of files in `comparison::kept` that implement `Kept` (one group, with retraction) and `KeptByGroup` (many groups).

mod comparison;
mod distance;
mod documentation;
mod embedding;
mod error_budget_consumed;
mod error_budget_remaining;
mod literals;
mod psi_ci;
mod quality;
mod significance;
mod sli;
mod slo;
mod slo_burn_rate;
mod slo_timeslices;
mod time_to_exhaustion;

pub(crate) use comparison::{
    Answer, Cell, Comparison, ComparisonFunction, Counts, Excluded, Kind, Measure, Population, Returns,
    function as comparison_function, in_order_of_counts, rows,
};
pub(crate) use documentation::{DRIFT, SLO};
pub(crate) use literals::CheckLiterals;
pub(crate) use slo::period;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// Every aggregate function, in the order of the documentation.
pub(crate) fn all() -> Vec<Arc<AggregateUDF>> {
    let comparisons = distance::ALL.into_iter().chain(significance::ALL).map(comparison::function);
    let levels = [
        &sli::SLI,
        &slo_burn_rate::SLO_BURN_RATE,
        &error_budget_remaining::ERROR_BUDGET_REMAINING,
        &error_budget_consumed::ERROR_BUDGET_CONSUMED,
        &time_to_exhaustion::TIME_TO_EXHAUSTION,
    ];
    let levels = levels.into_iter().map(slo::function);
    let resampled = [psi_ci::function()];
    comparisons
        .chain(resampled)
        .chain(embedding::all())
        .chain(levels)
        .chain([slo_timeslices::function()])
        .chain(quality::all())
        .chain(crate::distribution::aggregates())
        .collect()
}
