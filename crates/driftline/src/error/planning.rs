//! DataFusion's errors in our words: a kind, the offending name with the nearest that exists, and no noise around it.

mod exhausted;
mod hints;

use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;

use super::{Error, ErrorKind};

/// Names further away than this share of their length are no suggestion.
const SUGGESTION_DISTANCE_MAX: f64 = 0.4;

/// Prefixes that say where in DataFusion an error arose; a user has no use for them.
const NOISE: [&str; 9] = [
    "Error during planning: ",
    "Execution error: ",
    "Arrow error: ",
    "SQL error: ",
    "Schema error: ",
    "This feature is not implemented: ",
    "External error: ",
    "Invalid argument error: ",
    "Compute error: ",
];

/// What follows on an error that DataFusion takes for one of its own.
const BUG_REPORT: &str = "\nThis issue was likely caused by a bug in DataFusion's code";

/// Maps an error of DataFusion to ours.
pub(super) fn from_datafusion(error: DataFusionError) -> Error {
    use DataFusionError as E;
    match error {
        E::External(source) => match source.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(source) => match source.downcast::<driftline_storage::Error>() {
                Ok(storage) => Error::from(*storage),
                Err(other) => {
                    let (kind, message) = said(ErrorKind::Internal, &other.to_string());
                    Error::new(kind, message).with_source(other)
                }
            },
        },
        E::Context(_, inner) | E::Diagnostic(_, inner) => from_datafusion(*inner),
        E::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => from_datafusion(inner),
            Err(shared) => from_shared(&shared),
        },
        E::Collection(mut errors) if !errors.is_empty() => from_datafusion(errors.swap_remove(0)),
        E::ArrowError(arrow, context) => match *arrow {
            ArrowError::ExternalError(source) => from_datafusion(E::External(source)),
            other => classified(E::ArrowError(Box::new(other), context)),
        },
        other => classified(other),
    }
}

/// An error that several tasks share cannot be taken apart: its kind and message are copied.
fn from_shared(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::External(source) => {
            if let Some(ours) = source.downcast_ref::<Error>() {
                return Error::new(ours.kind, ours.message.clone());
            }
            if let Some(storage) = source.downcast_ref::<driftline_storage::Error>() {
                return Error::new(storage.kind(), storage.to_string());
            }
            let (kind, message) = said(ErrorKind::Internal, &source.to_string());
            Error::new(kind, message)
        }
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_shared(inner),
        DataFusionError::Shared(inner) => from_shared(inner),
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::ExternalError(source)
                if source.is::<Error>() || source.is::<driftline_storage::Error>() =>
            {
                let kind = source.downcast_ref::<Error>().map(Error::kind).or_else(|| {
                    source.downcast_ref::<driftline_storage::Error>().map(driftline_storage::Error::kind)
                });
                Error::new(kind.unwrap_or(ErrorKind::Internal), source.to_string())
            }
            other => {
                let (kind, message) = said(ErrorKind::Invalid, &other.to_string());
                Error::new(kind, message)
            }
        },
        other => {
            let (kind, message) = kind_and_message(other);
            Error::new(kind, message)
        }
    }
}

fn classified(error: DataFusionError) -> Error {
    let (kind, message) = kind_and_message(&error);
    Error::new(kind, message).with_source(error)
}

fn kind_of(error: &DataFusionError) -> ErrorKind {
    use DataFusionError as E;
    match error {
        E::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { .. } => ErrorKind::NotFound,
            SchemaError::AmbiguousReference { .. }
            | SchemaError::DuplicateQualifiedField { .. }
            | SchemaError::DuplicateUnqualifiedField { .. } => ErrorKind::Invalid,
        },
        E::SQL(..)
        | E::Plan(_)
        | E::NotImplemented(_)
        | E::Configuration(_)
        | E::Execution(_)
        | E::ArrowError(..) => ErrorKind::Invalid,
        E::ResourcesExhausted(_) => ErrorKind::ResourceExhausted,
        E::IoError(io) if io.kind() == std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        E::IoError(_) | E::ObjectStore(_) => ErrorKind::Unavailable,
        E::ParquetError(_) => ErrorKind::Corrupted,
        _ => ErrorKind::Internal,
    }
}

fn kind_and_message(error: &DataFusionError) -> (ErrorKind, String) {
    let kind = kind_of(error);
    match error {
        DataFusionError::SchemaError(schema, _) => (kind, schema_message(schema)),
        DataFusionError::ResourcesExhausted(message) => (kind, exhausted::said(&clean(message))),
        other => said(kind, &other.strip_backtrace()),
    }
}

/// The kind and the message of a text: what there are better words for is a mistake of the statement, whatever it was called.
fn said(kind: ErrorKind, text: &str) -> (ErrorKind, String) {
    let message = clean(text);
    match hints::said_better(&message) {
        Some(better) => (ErrorKind::Invalid, better),
        None => (kind, message),
    }
}

fn schema_message(error: &SchemaError) -> String {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let Some(relation) = &field.relation else {
                let hint = nearest(&field.name, valid_fields.iter().map(Column::name));
                return format!("column \"{}\" does not exist{hint}", field.name);
            };
            let table = relation.table();
            let of_table = valid_fields
                .iter()
                .filter(|valid| valid.relation.as_ref().is_some_and(|known| known.table() == table));
            let hint = match nearest_name(&field.name, of_table.map(Column::name)) {
                Some(name) => format!(" (did you mean \"{table}.{name}\"?)"),
                None => String::new(),
            };
            format!("column \"{table}.{}\" does not exist{hint}", field.name)
        }
        SchemaError::AmbiguousReference { field } => {
            format!("column \"{}\" is ambiguous: write it with its table, as in t.{}", field.name, field.name)
        }
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            format!("column \"{name}\" is named twice: give one of them another name with AS")
        }
    }
}

/// ` (did you mean "x"?)` for the nearest of the names that exist, or nothing where none is near.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match nearest_name(name, candidates) {
        Some(candidate) => format!(" (did you mean \"{candidate}\"?)"),
        None => String::new(),
    }
}

fn nearest_name<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let length = lower.chars().count().max(candidate.chars().count());
            *distance as f64 <= (length as f64 * SUGGESTION_DISTANCE_MAX).max(1.0)
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Strips the noise, lower-cases the first letter of an ordinary word and drops the full stop.
fn clean(message: &str) -> String {
    let mut text = message.trim();
    while let Some(rest) = NOISE.iter().find_map(|noise| text.strip_prefix(noise)) {
        text = rest.trim_start();
    }
    if let Some(inner) = text.strip_prefix("ParserError(\"").and_then(|rest| rest.strip_suffix("\")")) {
        text = inner;
    }
    if let Some((own, _)) = text.split_once(BUG_REPORT) {
        text = own;
    }
    let text = text.trim_end_matches('.').replace("sql parser error: ", "");
    let text = text.replace(" at Line: ", " at line ").replace(", Column: ", ", column ");
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            format!("{}{}", first.to_lowercase(), &text[first.len_utf8()..])
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests;
