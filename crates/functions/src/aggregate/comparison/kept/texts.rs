//! Texts of a column as categories: one number a distinct text, and a dictionary's texts looked up once a batch. A stored distribution
//! of categories stands for all the texts that it counted.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, internal_err};

use super::interner::Interner;
use crate::distribution::categories::{CategoryDistribution, CategoryDistributions};
use crate::kernels::collect::for_each_selected;

/// Calls `visit(row, category, times)` for the selected rows of a column of texts, or of distributions of categories.
pub(crate) fn for_each_text(
    interner: &mut Interner,
    array: &ArrayRef,
    selected: &BooleanBuffer,
    mut visit: impl FnMut(usize, u32, u64),
) -> Result<()> {
    match array.data_type() {
        DataType::Struct(_) => for_each_distribution(array, selected, |row, distribution| {
            if distribution.error > 0 {
                return exec_err!(
                    "a distribution of categories is no longer exact (each count may be {} too small): compare a coarser category, \
                     or make it with more 'categories'",
                    distribution.error
                );
            }
            for (category, times) in &distribution.entries {
                visit(row, interner.intern(category)?, *times);
            }
            Ok(())
        }),
        DataType::Dictionary(..) => intern_codes(interner, array, selected, |row, id| visit(row, id, 1)),
        _ => for_each_plain_text(interner, array, selected, |row, id| visit(row, id, 1)),
    }
}

/// Calls `visit(row, nulls)` for the selected rows of a column of distributions: the NULLs that they counted. Other columns have none.
pub(crate) fn for_each_null_count(
    array: &ArrayRef,
    selected: &BooleanBuffer,
    mut visit: impl FnMut(usize, u64),
) -> Result<()> {
    match array.data_type() {
        DataType::Struct(_) => for_each_distribution(array, selected, |row, distribution| {
            visit(row, distribution.nulls);
            Ok(())
        }),
        _ => Ok(()),
    }
}

fn for_each_distribution(
    array: &ArrayRef,
    selected: &BooleanBuffer,
    mut visit: impl FnMut(usize, &CategoryDistribution) -> Result<()>,
) -> Result<()> {
    let distributions = CategoryDistributions::new(array)?;
    let mut outcome = Ok(());
    for_each_selected(selected, |row| {
        if outcome.is_ok() {
            outcome = distributions.get(row).and_then(|read| read.map_or(Ok(()), |read| visit(row, &read)));
        }
    });
    outcome
}

fn for_each_plain_text(
    interner: &mut Interner,
    array: &ArrayRef,
    selected: &BooleanBuffer,
    visit: impl FnMut(usize, u32),
) -> Result<()> {
    match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            intern_rows(interner, selected, |row| texts.value(row), visit)
        }
        DataType::LargeUtf8 => {
            let texts = array.as_string::<i64>();
            intern_rows(interner, selected, |row| texts.value(row), visit)
        }
        DataType::Utf8View => {
            let texts = array.as_string_view();
            intern_rows(interner, selected, |row| texts.value(row), visit)
        }
        other => internal_err!("categories are texts, got {other}"),
    }
}

fn intern_rows<'a>(
    interner: &mut Interner,
    selected: &BooleanBuffer,
    text: impl Fn(usize) -> &'a str,
    mut visit: impl FnMut(usize, u32),
) -> Result<()> {
    let mut last: Option<(&str, u32)> = None;
    let mut outcome = Ok(());
    for_each_selected(selected, |row| {
        let text = text(row);
        let id = match last {
            Some((same, id)) if same == text => id,
            _ => match interner.intern(text) {
                Ok(id) => id,
                Err(error) => {
                    outcome = Err(error);
                    return;
                }
            },
        };
        last = Some((text, id));
        visit(row, id);
    });
    outcome
}

fn intern_codes(
    interner: &mut Interner,
    array: &ArrayRef,
    selected: &BooleanBuffer,
    mut visit: impl FnMut(usize, u32),
) -> Result<()> {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values();
    if values.is_empty() {
        return Ok(());
    }
    let codes = dictionary.normalized_keys();
    // only the texts that selected rows use become categories
    let mut used = vec![false; values.len()];
    for_each_selected(selected, |row| used[codes[row]] = true);
    let mut ids = vec![0u32; values.len()];
    let used = BooleanBuffer::from(used);
    for_each_plain_text(interner, values, &used, |code, id| ids[code] = id)?;
    for_each_selected(selected, |row| visit(row, ids[codes[row]]));
    Ok(())
}
