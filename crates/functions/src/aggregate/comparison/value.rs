//! Which values a function takes, and as what they are read.

use arrow::datatypes::DataType;

use super::Measure;
use crate::distribution;

/// As what the values of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueKind {
    /// DOUBLE; whole numbers are read as DOUBLE batch by batch, for some conventions ask for the type.
    Number,
    Flag,
    Text,
    /// Stored distributions of numbers.
    Distribution,
    /// Stored distributions of categories.
    Categories,
    /// Only whether it is NULL.
    Anything,
}

impl ValueKind {
    /// The kind of a coerced type; the refusal says what to do instead.
    pub(crate) fn of(value: &DataType, measure: &Measure) -> Result<Self, String> {
        if matches!(measure, Measure::Presence(_)) {
            return Ok(Self::Anything);
        }
        let refuse = |advice: &str| Err(format!("cannot compare values of type {value}: {advice}"));
        let kind = match value {
            number if *number == DataType::Float64 || number.is_integer() => Self::Number,
            DataType::Boolean => Self::Flag,
            DataType::Dictionary(_, inner) if is_text(inner) => Self::Text,
            numbers if distribution::reads(numbers) => Self::Distribution,
            texts if distribution::categories::reads(texts) => Self::Categories,
            text if is_text(text) => Self::Text,
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                return refuse(
                    "instants only move forward, so two periods always differ; compare a part, for example \
                     extract(hour FROM time), or a duration in seconds",
                );
            }
            DataType::Duration(_) | DataType::Interval(_) | DataType::Time32(_) | DataType::Time64(_) => {
                return refuse("compare a number, for example the duration in milliseconds");
            }
            _ => return refuse("pass a number, a text or a boolean"),
        };
        match (measure, kind) {
            (Measure::Binned(_) | Measure::Bounded { .. }, Self::Distribution) => Ok(kind),
            (Measure::Profiled { default, .. }, Self::Distribution | Self::Categories) => {
                Self::of(value, default)
            }
            (_, Self::Distribution) => {
                Err("a distribution keeps buckets of its numbers and not each of them: use psi or \
                 js_distance, or ks_between and wasserstein_between, which answer with bounds"
                    .to_owned())
            }
            (ranked, Self::Categories) if ranked.ranks() => {
                Err("it ranks numbers; compare distributions of categories with psi or js_distance"
                    .to_owned())
            }
            (Measure::Flagged(_), Self::Categories) => {
                Err("it compares the share of true; pass the condition itself".to_owned())
            }
            (ranked, Self::Flag | Self::Text) if ranked.ranks() => {
                refuse("it ranks numbers; compare categories with psi or js_distance")
            }
            (Measure::Categories(_), Self::Number) => {
                refuse("it compares categories; a code that is a number is one after a cast to TEXT")
            }
            (Measure::Flagged(_), Self::Number | Self::Text) => {
                refuse("it compares the share of true; pass a condition, for example value = 'refund'")
            }
            _ => Ok(kind),
        }
    }
}

/// The type a value is read as: whole numbers as they are, every other number as DOUBLE (so is NULL; as BOOLEAN where only
/// that is taken), everything else as it is.
pub(crate) fn coerced(value: &DataType, measure: &Measure) -> DataType {
    match value {
        _ if matches!(measure, Measure::Presence(_)) => value.clone(),
        DataType::Null if matches!(measure, Measure::Flagged(_)) => DataType::Boolean,
        DataType::Dictionary(_, inner) if !is_text(inner) => coerced(inner, measure),
        whole if whole.is_integer() => whole.clone(),
        number if number.is_numeric() || number.is_null() => DataType::Float64,
        other => other.clone(),
    }
}

pub(crate) fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
