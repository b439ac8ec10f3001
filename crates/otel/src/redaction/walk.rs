//! Where the values of a request are.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    metrics::v1::{Exemplar, ExponentialHistogram, Gauge, Histogram, Sum, Summary, metric::Data},
    resource::v1::Resource,
    trace::v1::Span,
};

use super::{
    Counts, Redaction,
    rule::{Outcome, Rule},
};
use crate::mapper::Redacted;

impl Redaction {
    /// Applies the rules to spans; says what was changed.
    pub(crate) fn traces(&self, request: &mut ExportTraceServiceRequest) -> Vec<Redacted> {
        let mut counts = Counts::of(self);
        for group in &mut request.resource_spans {
            self.resource(&mut group.resource, &mut counts);
            for group in &mut group.scope_spans {
                self.scope(&mut group.scope, &mut counts);
                group.spans.iter_mut().for_each(|span| self.span(span, &mut counts));
            }
        }
        counts.report(self)
    }

    /// Applies the rules to data points; says what was changed.
    pub(crate) fn metrics(&self, request: &mut ExportMetricsServiceRequest) -> Vec<Redacted> {
        let mut counts = Counts::of(self);
        for group in &mut request.resource_metrics {
            self.resource(&mut group.resource, &mut counts);
            for group in &mut group.scope_metrics {
                self.scope(&mut group.scope, &mut counts);
                for data in group.metrics.iter_mut().filter_map(|metric| metric.data.as_mut()) {
                    self.data(data, &mut counts);
                }
            }
        }
        counts.report(self)
    }

    /// Applies the rules to log records; says what was changed.
    pub(crate) fn logs(&self, request: &mut ExportLogsServiceRequest) -> Vec<Redacted> {
        let mut counts = Counts::of(self);
        for group in &mut request.resource_logs {
            self.resource(&mut group.resource, &mut counts);
            for group in &mut group.scope_logs {
                self.scope(&mut group.scope, &mut counts);
                for record in &mut group.log_records {
                    self.attributes(&mut record.attributes, &mut counts);
                    self.body(&mut record.body, &mut counts);
                }
            }
        }
        counts.report(self)
    }

    fn resource(&self, resource: &mut Option<Resource>, counts: &mut Counts) {
        if let Some(resource) = resource {
            self.attributes(&mut resource.attributes, counts);
        }
    }

    fn scope(&self, scope: &mut Option<InstrumentationScope>, counts: &mut Counts) {
        if let Some(scope) = scope {
            self.attributes(&mut scope.attributes, counts);
        }
    }

    fn span(&self, span: &mut Span, counts: &mut Counts) {
        self.attributes(&mut span.attributes, counts);
        self.text(&mut span.name, counts);
        if let Some(status) = &mut span.status {
            self.text(&mut status.message, counts);
        }
        span.events.iter_mut().for_each(|event| self.attributes(&mut event.attributes, counts));
        span.links.iter_mut().for_each(|link| self.attributes(&mut link.attributes, counts));
    }

    fn data(&self, data: &mut Data, counts: &mut Counts) {
        let mut point = |attributes: &mut Vec<KeyValue>, exemplars: &mut [Exemplar]| {
            self.attributes(attributes, counts);
            for exemplar in exemplars {
                self.attributes(&mut exemplar.filtered_attributes, counts);
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

    fn attributes(&self, attributes: &mut Vec<KeyValue>, counts: &mut Counts) {
        attributes.retain_mut(|KeyValue { key, value, .. }| {
            value.as_mut().is_none_or(|value| self.keeps(value, |rule| rule.names(key), counts))
        });
    }

    /// Members of a map have names of their own, and are seen by the rules for names alone: those for all texts look into the whole.
    fn members(&self, members: &mut Vec<KeyValue>, counts: &mut Counts) {
        members.retain_mut(|KeyValue { key, value, .. }| {
            let is_meant = |rule: &Rule| !rule.is_for_all_texts() && rule.names(key);
            value.as_mut().is_none_or(|value| self.keeps(value, is_meant, counts))
        });
    }

    fn body(&self, body: &mut Option<AnyValue>, counts: &mut Counts) {
        body.take_if(|value| !self.keeps(value, Rule::is_for_all_texts, counts));
    }

    /// Applies the rules that mean a value, one after the other; false for a value that one of them drops, which the next do not see. Members of
    /// a map come before it: a rule for the whole has the last word.
    fn keeps(&self, value: &mut AnyValue, is_meant: impl Fn(&Rule) -> bool, counts: &mut Counts) -> bool {
        if let Some(Value::KvlistValue(map)) = &mut value.value {
            self.members(&mut map.values, counts);
        }
        for (place, rule) in self.rules.iter().enumerate().filter(|(_, rule)| is_meant(rule)) {
            let outcome = rule.apply(value, &self.hash_key);
            counts.0[place] += u64::from(outcome != Outcome::Kept);
            if outcome == Outcome::Dropped {
                return false;
            }
        }
        true
    }

    fn text(&self, text: &mut String, counts: &mut Counts) {
        for (place, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.is_for_all_texts()) {
            counts.0[place] += u64::from(rule.apply_to_text(text, &self.hash_key) != Outcome::Kept);
        }
    }
}
