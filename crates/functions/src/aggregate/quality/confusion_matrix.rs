//! `confusion_matrix`: which class is taken for which.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, ListArray, StringBuilder, StructArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, resources_err};
use datafusion::logical_expr::Documentation;

use super::state::cells::{Class, Pair};
use super::{Measure, Quality, documentation};

pub(super) static CONFUSION_MATRIX: Quality = Quality {
    name: "confusion_matrix",
    options: &[],
    measure: Measure::Matrix,
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_classes(
        "confusion_matrix",
        "Which class is taken for which, LIST of STRUCT(label, prediction, count BIGINT): the pairs that occur, in the order of \
         label and prediction (false before true, numbers by value, text by its bytes). Integers come back as BIGINT (BIGINT \
         UNSIGNED where they were), text as TEXT. `unnest` makes rows of it.\n\n\
         `count` of rows for each pair. Source: scikit-learn, confusion_matrix, without the zeros. NULL when no row has both. \
         At most 1,000,000 classes and 20,000,000 pairs in one aggregation.",
        false,
    )
});

/// A list for classes of a type.
pub(super) fn return_type(class: &DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(fields(class)), true)))
}

fn fields(class: &DataType) -> Fields {
    let class = if *class == DataType::Utf8View { DataType::Utf8 } else { class.clone() };
    Fields::from(vec![
        Field::new("label", class.clone(), true),
        Field::new("prediction", class, true),
        Field::new("count", DataType::Int64, true),
    ])
}

/// One list a group; NULL where nothing occurs.
pub(super) fn lists(groups: Vec<Vec<Pair<'_>>>, class: &DataType) -> Result<ArrayRef> {
    let pairs = || groups.iter().flatten();
    let columns: Vec<ArrayRef> = vec![
        column(pairs().map(|pair| pair.label), class)?,
        column(pairs().map(|pair| pair.prediction), class)?,
        Arc::new(Int64Array::from_iter_values(pairs().map(|pair| pair.count as i64))),
    ];
    let items = StructArray::try_new(fields(class), columns, None)?;
    list_of(items, groups.iter().map(Vec::len))
}

/// A list array of structs; lists of nothing are NULL.
pub(super) fn list_of(items: StructArray, lengths: impl Iterator<Item = usize> + Clone) -> Result<ArrayRef> {
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    let nulls = NullBuffer::from_iter(lengths.clone().map(|length| length > 0));
    let mut ends = vec![0i32];
    for length in lengths {
        let Ok(end) = i32::try_from(ends[ends.len() - 1] as usize + length) else {
            return resources_err!("a list column holds at most {} entries in one batch", i32::MAX);
        };
        ends.push(end);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    Ok(Arc::new(ListArray::try_new(field, offsets, Arc::new(items), Some(nulls))?))
}

fn column<'a>(classes: impl Iterator<Item = &'a Class>, kind: &DataType) -> Result<ArrayRef> {
    let integer = |class: &Class| match class {
        Class::Integer(integer) => Some(*integer),
        _ => None,
    };
    Ok(match kind {
        DataType::Boolean => {
            Arc::new(BooleanArray::from_iter(classes.map(|class| Some(*class == Class::Boolean(true)))))
        }
        DataType::Int64 => {
            Arc::new(Int64Array::from_iter(classes.map(|class| integer(class).map(|integer| integer as i64))))
        }
        DataType::UInt64 => Arc::new(UInt64Array::from_iter(
            classes.map(|class| integer(class).map(|integer| integer as u64)),
        )),
        _ => {
            let mut texts = StringBuilder::new();
            for class in classes {
                let text = class.to_string();
                if i32::try_from(texts.values_slice().len() + text.len()).is_err() {
                    return resources_err!("a text column holds at most {} bytes in one batch", i32::MAX);
                }
                texts.append_value(text);
            }
            Arc::new(texts.finish())
        }
    })
}
