//! Requests built by hand, and rows read back.

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    datatypes::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType},
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    logs::v1::LogRecord,
    metrics::v1::Metric,
    resource::v1::Resource,
    trace::v1::Span,
};

use crate::testing::tables;
use crate::{
    Mapped, Mapper,
    groups::{Group, Item, Scoped},
};

pub(crate) const START: u64 = 1_700_000_000_000_000_000;

pub(crate) fn mapper() -> Mapper {
    Mapper::new(tables()).expect("the shipped tables fit")
}

pub(crate) fn text(value: &str) -> Value {
    Value::StringValue(value.to_string())
}

pub(crate) fn array(values: &[Value]) -> Value {
    let values = values.iter().map(|value| AnyValue { value: Some(value.clone()) }).collect();
    Value::ArrayValue(ArrayValue { values })
}

pub(crate) fn object(entries: &[(&str, Value)]) -> Value {
    Value::KvlistValue(KeyValueList { values: attributes(entries) })
}

pub(crate) fn attributes(entries: &[(&str, Value)]) -> Vec<KeyValue> {
    let entry = |(key, value): &(&str, Value)| KeyValue {
        key: key.to_string(),
        value: Some(AnyValue { value: Some(value.clone()) }),
        ..Default::default()
    };
    entries.iter().map(entry).collect()
}

/// A span of two seconds with ids and these attributes.
pub(crate) fn span(entries: &[(&str, Value)]) -> Span {
    Span {
        trace_id: vec![0xAB; 16],
        span_id: vec![0x01; 8],
        name: "chat gpt-4o".to_string(),
        kind: 3,
        start_time_unix_nano: START,
        end_time_unix_nano: START + 2_000_000_000,
        attributes: attributes(entries),
        ..Default::default()
    }
}

fn one_scope<T: Item>(resource: &[(&str, Value)], items: Vec<T>) -> T::Request {
    let scope =
        InstrumentationScope { name: "lib".to_string(), version: "1.0".to_string(), ..Default::default() };
    let scopes = vec![Scoped { scope: Some(scope), schema_url: String::new(), items }];
    let resource = Some(Resource { attributes: attributes(resource), ..Default::default() });
    T::request(vec![Group { resource, schema_url: String::new(), scopes }])
}

pub(crate) fn traces(resource: &[(&str, Value)], spans: Vec<Span>) -> ExportTraceServiceRequest {
    one_scope(resource, spans)
}

pub(crate) fn metrics(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    one_scope(&[("service.name", text("shop"))], metrics)
}

pub(crate) fn logs(records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    one_scope(&[("service.name", text("shop"))], records)
}

/// The rows of a report, which has at most one batch.
pub(crate) struct Rows<'a>(pub(crate) &'a RecordBatch);

impl<'a> Rows<'a> {
    pub(crate) fn of(mapped: &'a Mapped) -> Self {
        Self(&mapped.batches.first().expect("rows were accepted").1)
    }

    pub(crate) fn column(&self, name: &str) -> Option<&'a ArrayRef> {
        self.0.column_by_name(name)
    }

    /// A value as text, whatever its type; `None` is NULL, also where the whole column is missing.
    pub(crate) fn get(&self, name: &str, row: usize) -> Option<String> {
        use arrow::datatypes::DataType;
        let column = self.column(name).filter(|column| column.is_valid(row))?;
        Some(match column.data_type() {
            DataType::Utf8 => column.as_string::<i32>().value(row).to_string(),
            DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
            DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
            DataType::Float64 => format!("{:?}", column.as_primitive::<Float64Type>().value(row)),
            DataType::Boolean => column.as_boolean().value(row).to_string(),
            DataType::Timestamp(..) => {
                column.as_primitive::<TimestampNanosecondType>().value(row).to_string()
            }
            DataType::List(_) => {
                let items = column.as_list::<i32>().value(row);
                let strings =
                    items.as_string_opt::<i32>().map(|items| items.iter().flatten().collect::<Vec<_>>());
                strings.expect("a list of texts").join(",")
            }
            other => panic!("no text for {other}"),
        })
    }

    /// The residual attributes of a row, sorted.
    pub(crate) fn rest(&self, row: usize) -> Vec<(String, String)> {
        map_entries(self.column("attributes"), row)
    }
}

/// The entries of a map's row, sorted by key.
pub(crate) fn map_entries(column: Option<&ArrayRef>, row: usize) -> Vec<(String, String)> {
    let Some(column) = column.filter(|column| column.is_valid(row)) else { return Vec::new() };
    let entries = column.as_map().value(row);
    let texts =
        |i: usize| entries.column(i).as_string::<i32>().iter().map(|text| text.unwrap_or("NULL").to_string());
    let mut pairs: Vec<_> = texts(0).zip(texts(1)).collect();
    pairs.sort();
    pairs
}

/// Pairs of text, for comparing with [`Rows::rest`].
pub(crate) fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}
