//! Where the values of a request are.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{InstrumentationScope, KeyValue},
    logs::v1::LogRecord,
    metrics::v1::{Exemplar, ExponentialHistogram, Gauge, Histogram, Metric, Sum, Summary, metric::Data},
    resource::v1::Resource,
    trace::v1::Span,
};

use super::{Redaction, visit::Visit};
use crate::{
    mapper::{Redacted, logs::event_name},
    meaning::Place,
    messages::Side,
};

impl Redaction {
    /// Applies the rules to spans; says what was changed.
    pub(crate) fn traces(&self, request: &mut ExportTraceServiceRequest) -> Vec<Redacted> {
        let mut visit = Visit::new(self);
        for group in &mut request.resource_spans {
            visit.resource(Place::Resource, &mut group.resource, &mut group.schema_url);
            for group in &mut group.scope_spans {
                visit.scope(&mut group.scope, &mut group.schema_url);
                group.spans.iter_mut().for_each(|span| visit.span(span));
            }
        }
        visit.report()
    }

    /// Applies the rules to data points, whose resources are at `place`; says what was changed.
    pub(crate) fn metrics(&self, place: Place, request: &mut ExportMetricsServiceRequest) -> Vec<Redacted> {
        let mut visit = Visit::new(self);
        for group in &mut request.resource_metrics {
            visit.resource(place, &mut group.resource, &mut group.schema_url);
            for group in &mut group.scope_metrics {
                visit.scope(&mut group.scope, &mut group.schema_url);
                group.metrics.iter_mut().for_each(|metric| visit.metric(metric));
            }
        }
        visit.report()
    }

    /// Applies the rules to log records; says what was changed.
    pub(crate) fn logs(&self, request: &mut ExportLogsServiceRequest) -> Vec<Redacted> {
        let mut visit = Visit::new(self);
        for group in &mut request.resource_logs {
            visit.resource(Place::Resource, &mut group.resource, &mut group.schema_url);
            for group in &mut group.scope_logs {
                visit.scope(&mut group.scope, &mut group.schema_url);
                group.log_records.iter_mut().for_each(|record| visit.record(record));
            }
        }
        visit.report()
    }
}

impl Visit<'_> {
    fn resource(&mut self, place: Place, resource: &mut Option<Resource>, schema_url: &mut String) {
        if let Some(resource) = resource {
            self.attributes(place, &mut resource.attributes);
        }
        self.text(schema_url);
    }

    fn scope(&mut self, scope: &mut Option<InstrumentationScope>, schema_url: &mut String) {
        if let Some(scope) = scope {
            self.text(&mut scope.name);
            self.text(&mut scope.version);
            self.attributes(Place::Scope, &mut scope.attributes);
        }
        self.text(schema_url);
    }

    fn span(&mut self, span: &mut Span) {
        self.text(&mut span.name);
        self.text(&mut span.trace_state);
        if let Some(status) = &mut span.status {
            self.text(&mut status.message);
        }
        self.attributes(Place::Record, &mut span.attributes);
        for event in &mut span.events {
            self.attributes(Place::of_event(&event.name), &mut event.attributes);
            self.text(&mut event.name);
        }
        for link in &mut span.links {
            self.attributes(Place::Record, &mut link.attributes);
            self.text(&mut link.trace_state);
        }
    }

    fn record(&mut self, record: &mut LogRecord) {
        let name = event_name(record).unwrap_or_default();
        // what the client says of a message is the message, whatever its form
        let message = Side::of_event(name).map(|(_, side)| side.key());
        self.attributes(Place::of_event(name), &mut record.attributes);
        self.body(message, &mut record.body);
        self.text(&mut record.event_name);
        self.text(&mut record.severity_text);
    }

    fn metric(&mut self, metric: &mut Metric) {
        for text in [&mut metric.name, &mut metric.unit, &mut metric.description] {
            self.text(text);
        }
        if let Some(data) = &mut metric.data {
            self.data(data);
        }
    }

    fn data(&mut self, data: &mut Data) {
        let mut point = |attributes: &mut Vec<KeyValue>, exemplars: &mut [Exemplar]| {
            self.attributes(Place::Record, attributes);
            for exemplar in exemplars {
                self.attributes(Place::Record, &mut exemplar.filtered_attributes);
            }
        };
        match data {
            Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. }) => {
                data_points.iter_mut().for_each(|given| point(&mut given.attributes, &mut given.exemplars));
            }
            Data::Histogram(Histogram { data_points, .. }) => {
                data_points.iter_mut().for_each(|given| point(&mut given.attributes, &mut given.exemplars));
            }
            Data::ExponentialHistogram(ExponentialHistogram { data_points, .. }) => {
                data_points.iter_mut().for_each(|given| point(&mut given.attributes, &mut given.exemplars));
            }
            Data::Summary(Summary { data_points }) => {
                data_points.iter_mut().for_each(|given| point(&mut given.attributes, &mut []));
            }
        }
    }
}
