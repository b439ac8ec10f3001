//! The aggregate that measures a column for a baseline. Not registered: `CREATE BASELINE` calls it.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, StructArray};
use arrow::datatypes::Field;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{AggregateUDF, Documentation, Expr, lit};

use crate::aggregate::{
    Answer, Cell, Comparison, DRIFT, Excluded, Kind, Measure, Population, Returns, comparison_function,
};
use crate::kernels::distribution::BUCKETS_MAX;
use crate::kernels::reference::Knots;

/// Most categories that a summary lists, which is one more than a baseline keeps.
const CATEGORIES_LISTED_MAX: usize = super::References::CATEGORIES_MAX + 1;

pub(super) const COUNT: &str = "count";
pub(super) const NULLS: &str = "nulls";
pub(super) const NANS: &str = "nans";
pub(super) const INFINITIES: &str = "infinities";
pub(super) const KNOTS: &str = "knots";
pub(super) const CATEGORIES: &str = "categories";
pub(super) const DISTRIBUTION: &str = "distribution";

static SUMMARY: Comparison = Comparison {
    name: "baseline_summary",
    options: &[],
    returns: Returns::Struct(&[
        (COUNT, Kind::BigInt),
        (NULLS, Kind::BigInt),
        (NANS, Kind::BigInt),
        (INFINITIES, Kind::BigInt),
        (KNOTS, Kind::Rows(&[("value", Kind::Double), ("below", Kind::BigInt), ("through", Kind::BigInt)])),
        (CATEGORIES, Kind::Rows(&[("category", Kind::Text), ("count", Kind::BigInt)])),
    ]),
    measure: Measure::Summary(measure),
    documentation: || &DOCUMENTATION,
};

/// The call that measures a column of numbers, texts or booleans:
/// STRUCT(count, nulls, nans, infinities BIGINT, knots STRUCT(value DOUBLE, below BIGINT, through BIGINT)[],
/// categories STRUCT(category TEXT, count BIGINT)[]). Knots are those of numbers, categories those of texts and booleans; the other
/// list is empty. More categories than [`References::CATEGORIES_MAX`](super::References::CATEGORIES_MAX) are cut off one above it.
pub fn summary(column: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| comparison_function(&SUMMARY));
    // every row belongs to the reference
    FUNCTION.call(vec![column, lit(false)])
}

/// The call that makes the distribution of a column of numbers, as a baseline keeps it: with 4,096 buckets.
pub fn distribution(column: Expr) -> Expr {
    static FUNCTION: LazyLock<Arc<AggregateUDF>> = LazyLock::new(crate::distribution::of_values);
    FUNCTION.call(vec![column, lit(format!("buckets={BUCKETS_MAX}"))])
}

/// The answers of [`summary`] with those of [`distribution`] as one more field.
///
/// # Errors
/// Fails where the answers are none of a summary.
pub fn with_distribution(summary: &ArrayRef, distribution: &ArrayRef) -> Result<ArrayRef> {
    let Some(summary) = summary.as_struct_opt() else {
        return internal_err!("a summary was expected, got {}", summary.data_type());
    };
    let (fields, mut columns, nulls) = summary.clone().into_parts();
    let field = Field::new(DISTRIBUTION, distribution.data_type().clone(), true);
    let fields = fields.iter().cloned().chain([Arc::new(field)]).collect();
    columns.push(Arc::clone(distribution));
    Ok(Arc::new(StructArray::try_new(fields, columns, nulls)?))
}

fn measure(population: &Population<'_>, excluded: Excluded) -> Answer {
    let (count, knots, categories) = match population {
        Population::Numbers(sorted) => (sorted.len() as u64, rows_of_knots(sorted), Vec::new()),
        Population::Categories(counts) => (counts.totals()[0], Vec::new(), rows_of_categories(counts)),
    };
    Answer::Struct(vec![
        Cell::Count(count),
        Cell::Count(excluded.nulls),
        Cell::Count(excluded.nans),
        Cell::Count(excluded.infinities),
        Cell::Rows(knots),
        Cell::Rows(categories),
    ])
}

fn rows_of_knots(sorted: &[u64]) -> Vec<Vec<Cell>> {
    let row = |knot: crate::kernels::reference::Knot| {
        vec![Cell::Double(knot.value), Cell::Count(knot.below), Cell::Count(knot.through)]
    };
    Knots::of_sorted(sorted).iter().map(row).collect()
}

/// The most frequent first, then by name: the same rows give the same bytes.
fn rows_of_categories(counts: &crate::aggregate::Counts<'_>) -> Vec<Vec<Cell>> {
    let category = |bin: usize| counts.labels.category(bin).unwrap_or_default();
    let mut bins: Vec<usize> = (0..counts.reference.len()).collect();
    bins.sort_unstable_by(|&a, &b| {
        counts.reference[b].cmp(&counts.reference[a]).then_with(|| category(a).cmp(category(b)))
    });
    bins.truncate(CATEGORIES_LISTED_MAX);
    let row =
        |bin: usize| vec![Cell::Text(category(bin).to_owned().into()), Cell::Count(counts.reference[bin])];
    bins.into_iter().map(row).collect()
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(DRIFT, "What a baseline keeps of a column.", "baseline_summary(value, is_current)")
        .build()
});
