//! The answer of the aggregation, read: one group for the whole and one for every segment.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType};

use super::plan::Layout;
use crate::error::{Error, ErrorKind, Result};
use crate::labels::shown;

/// Both populations, reference first.
pub(super) type Sides<T> = [T; 2];

/// One row of the aggregation.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// `None` for the whole.
    pub(super) segment: Option<String>,
    pub(super) rows: Sides<u64>,
    pub(super) in_both: u64,
    pub(super) times: Option<Sides<Times>>,
    pub(super) columns: Vec<Measured>,
}

/// The first and the last instant of a population, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) first: i64,
    pub(super) last: i64,
}

/// What is known of one column in one group.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) values: Sides<Option<u64>>,
    pub(super) excluded: Sides<Option<u64>>,
    pub(super) psi: Option<Psi>,
}

/// The answer of `psi_detail`.
#[derive(Debug)]
pub(super) struct Psi {
    pub(super) psi: f64,
    pub(super) p_value: f64,
    pub(super) bins: u64,
    /// All bins, of the whole alone, and only where all are listed.
    pub(super) listed: Vec<Bin>,
}

/// One bin: an interval of numbers, or a category.
#[derive(Debug)]
pub(super) struct Bin {
    pub(super) lo: Option<f64>,
    pub(super) hi: Option<f64>,
    pub(super) category: Option<String>,
    pub(super) reference: u64,
}

/// Reads a batch of the aggregation.
pub(super) fn read(batch: &RecordBatch, layout: &Layout) -> Result<Vec<Group>> {
    (0..batch.num_rows()).map(|row| group(batch, layout, row)).collect()
}

fn group(batch: &RecordBatch, layout: &Layout, row: usize) -> Result<Group> {
    let mut columns = batch.columns().iter();
    let whole = !is_zero(next(&mut columns)?, row);
    let mut parts = vec![];
    for name in &layout.segments {
        let value = shown(next(&mut columns)?, row)?;
        parts.push(format!("{name}={value}"));
    }
    let rows = [number(next(&mut columns)?, row)?, number(next(&mut columns)?, row)?];
    let in_both = number(next(&mut columns)?, row)?;
    let times = match layout.has_time {
        true => {
            let mut extremes = [None; 4];
            for extreme in &mut extremes {
                *extreme = instant(next(&mut columns)?, row);
            }
            match extremes {
                [Some(a), Some(b), Some(c), Some(d)] => {
                    Some([Times { first: a, last: b }, Times { first: c, last: d }])
                }
                _ => None,
            }
        }
        false => None,
    };
    let mut measured = vec![];
    for _ in &layout.columns {
        let detail = next(&mut columns)?.as_struct_opt().ok_or_else(damaged)?;
        let counted = [number(next(&mut columns)?, row)?, number(next(&mut columns)?, row)?];
        measured.push(column(detail, row, rows, counted, layout.baseline, whole)?);
    }
    let segment = (!whole).then(|| parts.join(", "));
    Ok(Group { segment, rows, in_both, times, columns: measured })
}

fn column(
    detail: &StructArray,
    row: usize,
    rows: Sides<u64>,
    counted: Sides<u64>,
    baseline: bool,
    whole: bool,
) -> Result<Measured> {
    let mut values = counted.map(Some);
    let mut excluded = [Some(rows[0] - counted[0]), Some(rows[1] - counted[1])];
    if baseline {
        (values[0], excluded[0]) = (None, None);
    }
    if detail.is_null(row) {
        return Ok(Measured { values, excluded, psi: None });
    }
    let field = |name: &str| detail.column_by_name(name).ok_or_else(damaged);
    if baseline {
        values[0] = Some(number(field("n_ref")?, row)?);
        excluded[0] = Some(number(field("n_excluded_ref")?, row)?);
    }
    let double = |name: &str| -> Result<f64> {
        Ok(field(name)?.as_primitive_opt::<Float64Type>().ok_or_else(damaged)?.value(row))
    };
    let bins = number(field("n_bins")?, row)?;
    let listed = if whole { listed(field("bins")?, row)? } else { vec![] };
    Ok(Measured {
        values,
        excluded,
        psi: Some(Psi { psi: double("psi")?, p_value: double("p_value")?, bins, listed }),
    })
}

fn listed(bins: &ArrayRef, row: usize) -> Result<Vec<Bin>> {
    let lists = bins.as_list_opt::<i32>().ok_or_else(damaged)?;
    let bins = lists.value(row);
    let bins = bins.as_struct_opt().ok_or_else(damaged)?;
    let field = |name: &str| bins.column_by_name(name).ok_or_else(damaged);
    let (lo, hi) = (field("lo")?, field("hi")?);
    let edge = |edges: &ArrayRef, at: usize| {
        edges
            .as_primitive_opt::<Float64Type>()
            .filter(|edges| edges.is_valid(at))
            .map(|edges| edges.value(at))
    };
    let categories = field("category")?.as_string_opt::<i32>().ok_or_else(damaged)?;
    let reference = field("ref")?;
    (0..bins.len())
        .map(|at| {
            Ok(Bin {
                lo: edge(lo, at),
                hi: edge(hi, at),
                category: categories.is_valid(at).then(|| categories.value(at).to_owned()),
                reference: number(reference, at)?,
            })
        })
        .collect()
}

fn next<'a>(columns: &mut impl Iterator<Item = &'a ArrayRef>) -> Result<&'a ArrayRef> {
    columns.next().ok_or_else(damaged)
}

/// Whether a flag, whatever the width of its integer, is 0.
fn is_zero(flags: &ArrayRef, row: usize) -> bool {
    shown(flags, row).is_ok_and(|flag| flag == "0")
}

/// A count.
pub(super) fn number(counts: &ArrayRef, row: usize) -> Result<u64> {
    let counts = counts.as_primitive_opt::<Int64Type>().ok_or_else(damaged)?;
    u64::try_from(counts.value(row)).map_err(|_| damaged())
}

fn instant(instants: &ArrayRef, row: usize) -> Option<i64> {
    let instants = instants.as_primitive_opt::<TimestampNanosecondType>()?;
    instants.is_valid(row).then(|| instants.value(row))
}

/// The aggregation is ours: its answer has the shape that it was planned with.
pub(super) fn damaged() -> Error {
    Error::new(ErrorKind::Internal, "the aggregation of drift_report has another shape than planned")
}
