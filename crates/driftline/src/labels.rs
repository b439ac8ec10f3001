//! Values as they stand in the label of a segment or of a key: `region=north, model=NULL`.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::Result;

/// A value in a label. A text that could be taken for NULL or for more than one value is quoted, as SQL does.
pub(crate) fn shown(values: &ArrayRef, row: usize) -> Result<String> {
    let options = FormatOptions::default().with_null("NULL");
    let value = ArrayFormatter::try_new(values.as_ref(), &options)?.value(row).to_string();
    Ok(match is_text(values.data_type()) && !values.is_null(row) {
        true => shown_text(Some(&value)),
        false => value,
    })
}

/// The same for a text.
pub(crate) fn shown_text(value: Option<&str>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some(text) if is_unclear(text) => format!("'{}'", text.replace('\'', "''")),
        Some(text) => text.to_owned(),
    }
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string(),
    }
}

fn is_unclear(text: &str) -> bool {
    text.is_empty()
        || text.eq_ignore_ascii_case("NULL")
        || text != text.trim()
        || text.contains([',', '=', '\''])
}
