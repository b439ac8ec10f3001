//! The outer levels that all three requests share: resources, their scopes, and in them the items.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::InstrumentationScope,
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{Metric, ResourceMetrics, ScopeMetrics},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;

use crate::signal::Signal;

/// The items of one scope.
#[derive(Debug)]
pub(crate) struct Scoped<T> {
    pub(crate) scope: Option<InstrumentationScope>,
    pub(crate) schema_url: String,
    pub(crate) items: Vec<T>,
}

/// The scopes of one resource.
#[derive(Debug)]
pub(crate) struct Group<T> {
    pub(crate) resource: Option<Resource>,
    pub(crate) schema_url: String,
    pub(crate) scopes: Vec<Scoped<T>>,
}

impl<T> Group<T> {
    pub(crate) fn items(&self) -> u64 {
        self.scopes.iter().map(|scope| scope.items.len() as u64).sum()
    }
}

/// What one signal carries.
pub(crate) trait Item: Message + Default {
    const SIGNAL: Signal;
    type Request: Message + Default;

    fn request(groups: Vec<Group<Self>>) -> Self::Request;
}

impl Item for Span {
    const SIGNAL: Signal = Signal::Traces;
    type Request = ExportTraceServiceRequest;

    fn request(groups: Vec<Group<Self>>) -> Self::Request {
        let scoped = |scope: Scoped<Self>| ScopeSpans {
            scope: scope.scope,
            spans: scope.items,
            schema_url: scope.schema_url,
        };
        let group = |group: Group<Self>| ResourceSpans {
            resource: group.resource,
            scope_spans: group.scopes.into_iter().map(scoped).collect(),
            schema_url: group.schema_url,
        };
        ExportTraceServiceRequest { resource_spans: groups.into_iter().map(group).collect() }
    }
}

impl Item for Metric {
    const SIGNAL: Signal = Signal::Metrics;
    type Request = ExportMetricsServiceRequest;

    fn request(groups: Vec<Group<Self>>) -> Self::Request {
        let scoped = |scope: Scoped<Self>| ScopeMetrics {
            scope: scope.scope,
            metrics: scope.items,
            schema_url: scope.schema_url,
        };
        let group = |group: Group<Self>| ResourceMetrics {
            resource: group.resource,
            scope_metrics: group.scopes.into_iter().map(scoped).collect(),
            schema_url: group.schema_url,
        };
        ExportMetricsServiceRequest { resource_metrics: groups.into_iter().map(group).collect() }
    }
}

impl Item for LogRecord {
    const SIGNAL: Signal = Signal::Logs;
    type Request = ExportLogsServiceRequest;

    fn request(groups: Vec<Group<Self>>) -> Self::Request {
        let scoped = |scope: Scoped<Self>| ScopeLogs {
            scope: scope.scope,
            log_records: scope.items,
            schema_url: scope.schema_url,
        };
        let group = |group: Group<Self>| ResourceLogs {
            resource: group.resource,
            scope_logs: group.scopes.into_iter().map(scoped).collect(),
            schema_url: group.schema_url,
        };
        ExportLogsServiceRequest { resource_logs: groups.into_iter().map(group).collect() }
    }
}
