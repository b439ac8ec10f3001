//! Texts of a column as categories: one number a distinct text, and a dictionary's texts looked up once a batch.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};

use super::interner::Interner;
use crate::kernels::collect::for_each_selected;

/// Calls `visit(row, category)` for the selected rows of a text column. A dictionary's texts are looked up once a batch.
pub(crate) fn for_each_text(
    interner: &mut Interner,
    array: &ArrayRef,
    selected: &BooleanBuffer,
    visit: impl FnMut(usize, u32),
) -> Result<()> {
    match array.data_type() {
        DataType::Dictionary(..) => intern_codes(interner, array, selected, visit),
        _ => for_each_plain_text(interner, array, selected, visit),
    }
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
