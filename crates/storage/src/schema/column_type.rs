//! The types of columns: an enum of ours, so that what lies in the manifest never changes with a dependency.

use std::{fmt, sync::Arc};

use arrow::datatypes::{DataType, Field, Fields, TimeUnit as ArrowUnit};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Deepest nesting of a type.
const DEPTH_MAX: usize = 16;

/// The type of the values of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// 8-bit integer.
    Int8,
    /// 16-bit integer.
    Int16,
    /// 32-bit integer.
    Int32,
    /// 64-bit integer.
    Int64,
    /// 8-bit unsigned integer.
    #[serde(rename = "uint8")]
    UInt8,
    /// 16-bit unsigned integer.
    #[serde(rename = "uint16")]
    UInt16,
    /// 32-bit unsigned integer.
    #[serde(rename = "uint32")]
    UInt32,
    /// 64-bit unsigned integer.
    #[serde(rename = "uint64")]
    UInt64,
    /// 32-bit float.
    Float32,
    /// 64-bit float.
    Float64,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
    /// A day.
    Date,
    /// A time.
    Timestamp {
        /// The resolution.
        unit: TimeUnit,
        /// Whether it is an instant (UTC) or a time on some wall.
        utc: bool,
    },
    /// A decimal number.
    Decimal {
        /// Digits, 1 to 76.
        precision: u8,
        /// Digits behind the point.
        scale: i8,
    },
    /// Any number of values.
    List(Box<ColumnType>),
    /// Exactly so many values.
    FixedSizeList(Box<ColumnType>, i32),
    /// Named fields.
    Struct(Vec<(String, ColumnType)>),
    /// Keys and values; no key is NULL.
    Map(Box<ColumnType>, Box<ColumnType>),
}

/// The resolution of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds.
    Second,
    /// Milliseconds.
    Millisecond,
    /// Microseconds.
    Microsecond,
    /// Nanoseconds.
    Nanosecond,
}

impl ColumnType {
    /// The type of the column `time`: nanoseconds, UTC.
    pub const TIME: Self = Self::Timestamp { unit: TimeUnit::Nanosecond, utc: true };

    /// Returns the Arrow type in which values are kept. Text is `Utf8`, lists have a nullable field `item`,
    /// maps have `entries` of `keys` and `values`.
    pub fn to_arrow(&self) -> DataType {
        let item = |ty: &Self| Arc::new(Field::new("item", ty.to_arrow(), true));
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UInt8 => DataType::UInt8,
            Self::UInt16 => DataType::UInt16,
            Self::UInt32 => DataType::UInt32,
            Self::UInt64 => DataType::UInt64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Timestamp { unit, utc } => DataType::Timestamp((*unit).into(), utc.then(|| "UTC".into())),
            Self::Decimal { precision, scale } if *precision <= 38 => {
                DataType::Decimal128(*precision, *scale)
            }
            Self::Decimal { precision, scale } => DataType::Decimal256(*precision, *scale),
            Self::List(ty) => DataType::List(item(ty)),
            Self::FixedSizeList(ty, length) => DataType::FixedSizeList(item(ty), *length),
            Self::Struct(fields) => DataType::Struct(
                fields.iter().map(|(name, ty)| Field::new(name, ty.to_arrow(), true)).collect::<Fields>(),
            ),
            Self::Map(key, value) => {
                let key = Field::new("keys", key.to_arrow(), false);
                let value = Field::new("values", value.to_arrow(), true);
                let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
                DataType::Map(Arc::new(entries), false)
            }
        }
    }

    /// Finds the column type for an Arrow type; the many forms of text, bytes and lists are one type each.
    ///
    /// # Errors
    /// `Invalid` where no column type fits, such as for a time of day, an interval or a union.
    pub fn from_arrow(ty: &DataType) -> Result<Self> {
        Ok(match ty {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::Int8,
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::UInt8 => Self::UInt8,
            DataType::UInt16 => Self::UInt16,
            DataType::UInt32 => Self::UInt32,
            DataType::UInt64 => Self::UInt64,
            DataType::Float32 => Self::Float32,
            DataType::Float64 => Self::Float64,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Binary,
            DataType::Date32 => Self::Date,
            DataType::Timestamp(unit, zone) => Self::Timestamp { unit: (*unit).into(), utc: zone.is_some() },
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => {
                Self::Decimal { precision: *precision, scale: *scale }
            }
            DataType::Dictionary(_, value) => Self::from_arrow(value)?,
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field) => Self::List(Box::new(Self::from_arrow(field.data_type())?)),
            DataType::FixedSizeList(field, length) => {
                Self::FixedSizeList(Box::new(Self::from_arrow(field.data_type())?), *length)
            }
            DataType::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| Ok((field.name().clone(), Self::from_arrow(field.data_type())?)))
                    .collect::<Result<_>>()?,
            ),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => Self::Map(
                    Box::new(Self::from_arrow(fields[0].data_type())?),
                    Box::new(Self::from_arrow(fields[1].data_type())?),
                ),
                other => return Err(Error::invalid(format!("a map needs keys and values, got {other}"))),
            },
            other => return Err(Error::invalid(format!("no column type holds the Arrow type {other}"))),
        })
    }

    /// Says whether a value is one number, text or time: what can be sorted by and looked up.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::FixedSizeList(..) | Self::Struct(_) | Self::Map(..))
    }

    pub(crate) fn validate(&self) -> Result<()> {
        self.validate_at(0)
    }

    fn validate_at(&self, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(Error::invalid(format!("a type is nested at most {DEPTH_MAX} deep")));
        }
        match self {
            Self::Decimal { precision, scale } => {
                let fits = (1..=76).contains(precision) && scale.unsigned_abs() <= *precision;
                let message = || {
                    format!(
                        "a decimal has 1 to 76 digits and no more behind the point, got ({precision}, {scale})"
                    )
                };
                if fits { Ok(()) } else { Err(Error::invalid(message())) }
            }
            Self::List(ty) => ty.validate_at(depth + 1),
            Self::FixedSizeList(ty, length) if *length > 0 => ty.validate_at(depth + 1),
            Self::FixedSizeList(_, length) => {
                Err(Error::invalid(format!("a list of fixed size has at least 1 value, got {length}")))
            }
            Self::Struct(fields) if fields.is_empty() => {
                Err(Error::invalid("a struct needs at least one field"))
            }
            Self::Struct(fields) => fields.iter().try_for_each(|(_, ty)| ty.validate_at(depth + 1)),
            Self::Map(key, value) => {
                key.validate_at(depth + 1)?;
                value.validate_at(depth + 1)
            }
            _ => Ok(()),
        }
    }
}

impl From<TimeUnit> for ArrowUnit {
    fn from(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Second => Self::Second,
            TimeUnit::Millisecond => Self::Millisecond,
            TimeUnit::Microsecond => Self::Microsecond,
            TimeUnit::Nanosecond => Self::Nanosecond,
        }
    }
}

impl From<ArrowUnit> for TimeUnit {
    fn from(unit: ArrowUnit) -> Self {
        match unit {
            ArrowUnit::Second => Self::Second,
            ArrowUnit::Millisecond => Self::Millisecond,
            ArrowUnit::Microsecond => Self::Microsecond,
            ArrowUnit::Nanosecond => Self::Nanosecond,
        }
    }
}

/// Writes the type as SQL does: `BIGINT`, `TEXT`, `DOUBLE[]`, `STRUCT<a TEXT, b BIGINT>`, `TIMESTAMP` (ns, UTC).
impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Int8 => f.write_str("TINYINT"),
            Self::Int16 => f.write_str("SMALLINT"),
            Self::Int32 => f.write_str("INTEGER"),
            Self::Int64 => f.write_str("BIGINT"),
            Self::UInt8 => f.write_str("TINYINT UNSIGNED"),
            Self::UInt16 => f.write_str("SMALLINT UNSIGNED"),
            Self::UInt32 => f.write_str("INTEGER UNSIGNED"),
            Self::UInt64 => f.write_str("BIGINT UNSIGNED"),
            Self::Float32 => f.write_str("REAL"),
            Self::Float64 => f.write_str("DOUBLE"),
            Self::Text => f.write_str("TEXT"),
            Self::Binary => f.write_str("BYTEA"),
            Self::Date => f.write_str("DATE"),
            Self::Timestamp { unit, utc } => {
                let digits = match unit {
                    TimeUnit::Second => "(0)",
                    TimeUnit::Millisecond => "(3)",
                    TimeUnit::Microsecond => "(6)",
                    TimeUnit::Nanosecond => "",
                };
                let zone = if *utc { "" } else { " WITHOUT TIME ZONE" };
                write!(f, "TIMESTAMP{digits}{zone}")
            }
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            Self::List(ty) => write!(f, "{ty}[]"),
            Self::FixedSizeList(ty, length) => write!(f, "{ty}[{length}]"),
            Self::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (index, (name, ty)) in fields.iter().enumerate() {
                    write!(f, "{}{name} {ty}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str(">")
            }
            Self::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
        }
    }
}
