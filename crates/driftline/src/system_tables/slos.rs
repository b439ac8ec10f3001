//! `driftline.slos`: every SLO that the session may name, with its definition and what is to be known of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::text;
use crate::catalog::Relations;
use crate::slo::Slo;

pub(super) fn schema() -> Schema {
    super::schema(vec![
        text("name", false),
        Field::new("objective", DataType::Float64, true),
        text("period", true),
        text("group_by", true),
        text("definition", false),
        text("note", true),
    ])
}

pub(super) fn columns(relations: &Relations) -> Vec<ArrayRef> {
    let found: Vec<(&str, &str, Option<Slo>, Option<String>)> = relations
        .slos()
        .map(|(name, text)| match relations.slo(name) {
            Ok(slo) => {
                let note = slo.definition.lint().join("; ");
                (name, text, Some(slo), Some(note).filter(|note| !note.is_empty()))
            }
            Err(error) => (name, text, None, Some(error.to_string())),
        })
        .collect();
    let texts = |value: &dyn Fn(&Slo) -> Option<String>| -> ArrayRef {
        Arc::new(StringViewArray::from_iter(found.iter().map(|(_, _, slo, _)| slo.as_ref().and_then(value))))
    };
    let objectives = found.iter().map(|(_, _, slo, _)| Some(slo.as_ref()?.definition.objective));
    vec![
        Arc::new(StringViewArray::from_iter_values(found.iter().map(|(name, ..)| name))),
        Arc::new(Float64Array::from_iter(objectives)),
        texts(&|slo| Some(slo.definition.period.to_string())),
        texts(&|slo| Some(slo.definition.group_by.join(", ")).filter(|columns| !columns.is_empty())),
        Arc::new(StringViewArray::from_iter_values(found.iter().map(|(_, text, ..)| text))),
        Arc::new(StringViewArray::from_iter(found.iter().map(|(_, _, _, note)| note.as_deref()))),
    ]
}
