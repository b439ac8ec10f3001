//! The types that columns can be sent in, for drivers of ODBC.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{CommandGetXdbcTypeInfo, Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode};
use tonic::Status;

use crate::error::status;

/// Bytes of a text, at most: what one message holds.
const TEXT_BYTES_MAX: i32 = 3 << 20;

pub(super) fn schema() -> SchemaRef {
    XdbcTypeInfoDataBuilder::new().schema()
}

pub(super) fn rows(query: CommandGetXdbcTypeInfo) -> Result<RecordBatch, Status> {
    let mut types = XdbcTypeInfoDataBuilder::new();
    types.append(XdbcTypeInfo { column_size: Some(1), ..named("BOOLEAN", XdbcDataType::XdbcBit) });
    for (name, ty, digits) in [
        ("TINYINT", XdbcDataType::XdbcTinyint, 3),
        ("SMALLINT", XdbcDataType::XdbcSmallint, 5),
        ("INTEGER", XdbcDataType::XdbcInteger, 10),
        ("BIGINT", XdbcDataType::XdbcBigint, 19),
        ("REAL", XdbcDataType::XdbcReal, 7),
        ("DOUBLE", XdbcDataType::XdbcDouble, 15),
    ] {
        let unsigned_attribute = Some(false);
        let num_prec_radix = Some(10);
        types.append(XdbcTypeInfo {
            column_size: Some(digits),
            unsigned_attribute,
            num_prec_radix,
            ..named(name, ty)
        });
    }
    let quoted = |ty| XdbcTypeInfo {
        literal_prefix: Some("'".to_owned()),
        literal_suffix: Some("'".to_owned()),
        ..ty
    };
    types.append(quoted(XdbcTypeInfo {
        column_size: Some(TEXT_BYTES_MAX),
        case_sensitive: true,
        ..named("TEXT", XdbcDataType::XdbcVarchar)
    }));
    types.append(quoted(XdbcTypeInfo {
        column_size: Some(29),
        sql_data_type: XdbcDataType::XdbcDatetime,
        datetime_subcode: Some(XdbcDatetimeSubcode::XdbcSubcodeTimestamp),
        ..named("TIMESTAMP", XdbcDataType::XdbcTimestamp)
    }));
    let wire = |error: arrow_flight::error::FlightError| {
        status(driftline::Error::new(driftline::ErrorKind::Internal, error.to_string()))
    };
    types.build().and_then(|types| types.record_batch(query.data_type)).map_err(wire)
}

fn named(name: &str, data_type: XdbcDataType) -> XdbcTypeInfo {
    XdbcTypeInfo {
        type_name: name.to_owned(),
        data_type,
        column_size: None,
        literal_prefix: None,
        literal_suffix: None,
        create_params: None,
        nullable: Nullable::NullabilityNullable,
        case_sensitive: false,
        searchable: Searchable::Full,
        unsigned_attribute: None,
        fixed_prec_scale: false,
        auto_increment: Some(false),
        local_type_name: Some(name.to_owned()),
        minimum_scale: None,
        maximum_scale: None,
        sql_data_type: data_type,
        datetime_subcode: None,
        num_prec_radix: None,
        interval_precision: None,
    }
}
