//! Spans from JSON.

use opentelemetry_proto::tonic::trace::v1::{
    Span, Status,
    span::{Event, Link, SpanKind},
    status::StatusCode,
};
use serde_json::Value;

use super::{
    JsonItem,
    common::attributes,
    object::{Object, Read},
};
use crate::mapper::Rejects;

impl JsonItem for Span {
    const SCOPES: &str = "scopeSpans";
    const ITEMS: &str = "spans";

    fn read(value: &Value, _: &mut Rejects) -> Read<Self> {
        let span = Object::new(value, "span")?;
        let kind = |name: &str| SpanKind::from_str_name(name).map(|kind| kind as i32);
        Ok(Self {
            trace_id: span.hex("traceId")?,
            span_id: span.hex("spanId")?,
            trace_state: span.text("traceState")?,
            parent_span_id: span.hex("parentSpanId")?,
            flags: span.u32("flags")?,
            name: span.text("name")?,
            kind: span.enumeration("kind", kind)?,
            start_time_unix_nano: span.u64("startTimeUnixNano")?,
            end_time_unix_nano: span.u64("endTimeUnixNano")?,
            attributes: attributes(span, "attributes")?,
            dropped_attributes_count: span.u32("droppedAttributesCount")?,
            events: span.each("events", event)?,
            dropped_events_count: span.u32("droppedEventsCount")?,
            links: span.each("links", link)?,
            dropped_links_count: span.u32("droppedLinksCount")?,
            status: span.get("status").map(status).transpose()?,
        })
    }
}

fn event(value: &Value) -> Read<Event> {
    let event = Object::new(value, "event")?;
    Ok(Event {
        time_unix_nano: event.u64("timeUnixNano")?,
        name: event.text("name")?,
        attributes: attributes(event, "attributes")?,
        dropped_attributes_count: event.u32("droppedAttributesCount")?,
    })
}

fn link(value: &Value) -> Read<Link> {
    let link = Object::new(value, "link")?;
    Ok(Link {
        trace_id: link.hex("traceId")?,
        span_id: link.hex("spanId")?,
        trace_state: link.text("traceState")?,
        attributes: attributes(link, "attributes")?,
        dropped_attributes_count: link.u32("droppedAttributesCount")?,
        flags: link.u32("flags")?,
    })
}

fn status(value: &Value) -> Read<Status> {
    let status = Object::new(value, "status")?;
    let code = |name: &str| StatusCode::from_str_name(name).map(|code| code as i32);
    Ok(Status { message: status.text("message")?, code: status.enumeration("code", code)? })
}
