//! The rows of a report, made of the answer of its aggregation.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use driftline_functions::baseline::Kind;
use driftline_functions::kernels::p_adjust::{Adjustment, adjust};

use super::detail::{Group, Measured};
use super::history::History;
use super::plan::Layout;
use super::verdict::{self, Chance};
use crate::error::Result;

/// The columns of a report.
pub(super) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |name: &str, data_type, nullable| Field::new(name, data_type, nullable);
    let text = |name, nullable| field(name, DataType::Utf8View, nullable);
    let double = |name| field(name, DataType::Float64, true);
    let count = |name| field(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![
        text("column_name", false),
        text("segment", true),
        text("kind", false),
        text("test", false),
        double("score"),
        field("threshold", DataType::Float64, false),
        field("drifted", DataType::Boolean, true),
        double("p_value"),
        double("p_adjusted"),
        count("n_ref"),
        count("n_cur"),
        count("n_excluded_ref"),
        count("n_excluded_cur"),
        double("share"),
        text("note", false),
    ]))
});

/// One row: a column in the whole, or in a segment.
struct Row<'a> {
    column: usize,
    group: &'a Group,
    score: Option<f64>,
    p_value: Option<f64>,
    p_adjusted: Option<f64>,
    share: Option<f64>,
    threshold: f64,
    notes: Vec<String>,
}

impl Row<'_> {
    fn measured(&self) -> &Measured {
        &self.group.columns[self.column]
    }

    /// Large, and more than chance.
    fn drifted(&self) -> Option<bool> {
        Some(self.score? >= self.threshold && self.p_adjusted? < verdict::LEVEL)
    }
}

/// Makes the rows: the whole of every column first, then its segments by their name.
pub(super) fn rows(
    groups: &[Group],
    whole: &Group,
    layout: &Layout,
    histories: &[Option<History>],
) -> Result<RecordBatch> {
    let mut segments: Vec<&Group> = groups.iter().filter(|group| group.segment.is_some()).collect();
    segments.sort_by(|a, b| a.segment.cmp(&b.segment));
    let mut rows = vec![];
    for column in 0..layout.columns.len() {
        let first = rows.len();
        let history = histories.get(column).copied().flatten();
        for group in std::iter::once(whole).chain(segments.iter().copied()) {
            rows.push(row(column, group, whole, layout, history));
        }
        share(&mut rows[first + 1..]);
    }
    adjust_p_values(&mut rows);
    for row in &mut rows {
        if let (Some(score), Some(p_adjusted)) = (row.score, row.p_adjusted)
            && score >= row.threshold
            && p_adjusted >= verdict::LEVEL
        {
            row.notes.push(format!(
                "not drifted: chance explains it, p_adjusted {} is not below {}",
                verdict::short(p_adjusted),
                verdict::LEVEL
            ));
        }
    }
    batch(&rows, layout)
}

fn row<'a>(
    column: usize,
    group: &'a Group,
    whole: &Group,
    layout: &Layout,
    history: Option<History>,
) -> Row<'a> {
    let measured = &group.columns[column];
    let mut notes = vec![];
    let (mut score, mut p_value) = (None, None);
    match (verdict::no_score(&layout.columns[column], measured, group, layout), &measured.psi) {
        (None, Some(psi)) => {
            (score, p_value) = (Some(psi.psi), Some(psi.p_value));
            notes.push(verdict::threshold_note(history, layout, whole));
            notes.extend(verdict::small_note(measured, psi));
            notes.push("p-values assume independent rows".to_owned());
        }
        (reason, _) => notes.extend(reason),
    }
    if group.in_both > 0 {
        notes.push(format!("{} rows match reference and current: counted as current", group.in_both));
    }
    let threshold = verdict::threshold(history);
    Row { column, group, score, p_value, p_adjusted: None, share: None, threshold, notes }
}

/// A segment's share: its current values times what its score is above chance, as a part of the sum over the segments.
fn share(segments: &mut [Row<'_>]) {
    let weight = |row: &Row<'_>| {
        let (score, psi) = (row.score?, row.measured().psi.as_ref()?);
        let excess = (score - Chance::of(row.measured(), psi).mean()).max(0.0);
        Some(row.measured().values[1]? as f64 * excess)
    };
    let weights: Vec<Option<f64>> = segments.iter().map(weight).collect();
    let sum: f64 = weights.iter().flatten().sum();
    if sum > 0.0 {
        segments
            .iter_mut()
            .zip(weights)
            .for_each(|(row, weight)| row.share = weight.map(|weight| weight / sum));
    }
}

fn adjust_p_values(rows: &mut [Row<'_>]) {
    let mut p_values: Vec<f64> = rows.iter().filter_map(|row| row.p_value).collect();
    adjust(&mut p_values, Adjustment::BenjaminiHochberg);
    let tested = rows.iter_mut().filter(|row| row.p_value.is_some());
    tested.zip(p_values).for_each(|(row, p_value)| row.p_adjusted = Some(p_value));
}

fn batch(rows: &[Row<'_>], layout: &Layout) -> Result<RecordBatch> {
    let kind = |row: &Row<'_>| match layout.columns[row.column].kind {
        Kind::Number => "number",
        Kind::Text => "text",
        Kind::Boolean => "boolean",
        // never planned
        Kind::Embedding => "embedding",
    };
    let doubles = |value: &dyn Fn(&Row<'_>) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(value).collect::<Float64Array>())
    };
    let counts = |value: &dyn Fn(&Row<'_>) -> Option<u64>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| value(row).map(|count| count as i64)).collect::<Int64Array>())
    };
    let names = rows.iter().map(|row| layout.columns[row.column].name.as_str());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringViewArray::from_iter_values(names)),
        Arc::new(rows.iter().map(|row| row.group.segment.as_deref()).collect::<StringViewArray>()),
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(kind))),
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(|_| "psi"))),
        doubles(&|row| row.score),
        doubles(&|row| Some(row.threshold)),
        Arc::new(rows.iter().map(Row::drifted).collect::<BooleanArray>()),
        doubles(&|row| row.p_value),
        doubles(&|row| row.p_adjusted),
        counts(&|row| row.measured().values[0]),
        counts(&|row| row.measured().values[1]),
        counts(&|row| row.measured().excluded[0]),
        counts(&|row| row.measured().excluded[1]),
        doubles(&|row| row.share),
        Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| row.notes.join("; ")))),
    ];
    Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)
}
