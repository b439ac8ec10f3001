//! Log records from JSON.

use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use serde_json::Value;

use super::{
    JsonItem,
    common::{any_value, attributes},
    object::{Object, Read},
};
use crate::mapper::Rejects;

impl JsonItem for LogRecord {
    const SCOPES: &str = "scopeLogs";
    const ITEMS: &str = "logRecords";

    fn read(value: &Value, _: &mut Rejects) -> Read<Self> {
        let record = Object::new(value, "log record")?;
        let severity = |name: &str| SeverityNumber::from_str_name(name).map(|severity| severity as i32);
        Ok(Self {
            time_unix_nano: record.u64("timeUnixNano")?,
            observed_time_unix_nano: record.u64("observedTimeUnixNano")?,
            severity_number: record.enumeration("severityNumber", severity)?,
            severity_text: record.text("severityText")?,
            body: record.get("body").map(any_value).transpose()?,
            attributes: attributes(record, "attributes")?,
            dropped_attributes_count: record.u32("droppedAttributesCount")?,
            flags: record.u32("flags")?,
            trace_id: record.hex("traceId")?,
            span_id: record.hex("spanId")?,
            event_name: record.text("eventName")?,
        })
    }
}
