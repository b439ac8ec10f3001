//! The series of a request, with everything that it says of each in one place.
//!
//! A request may name a series many times: Prometheus does for each sample and for each exemplar.

use std::collections::HashMap;

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::KeyValue,
    metrics::v1::{
        AggregationTemporality, Exemplar, ExponentialHistogram, Gauge, Histogram, Metric, NumberDataPoint,
        ResourceMetrics, ScopeMetrics, Sum, metric::Data,
    },
};

use super::{
    exemplars,
    histograms::{self, Converted},
    labels::{self, Label, Labels},
    messages::{self, MetricType, ResetHint, Sample},
    points::{self, Budget},
};
use crate::mapper::Rejects;

/// What a point takes without its labels, and a metric without its points.
const POINT_BYTES: usize = 256;
const METRIC_BYTES: usize = 256;

/// Suffixes of the series that count up in classic histograms and in summaries.
const CUMULATIVE: [&str; 3] = ["_bucket", "_sum", "_count"];

/// One series as a message has it.
pub(super) struct TimeSeries<'a> {
    pub(super) labels: Vec<Label<'a>>,
    pub(super) samples: &'a [Sample],
    pub(super) histograms: &'a [messages::Histogram],
    pub(super) exemplars: Vec<RawExemplar<'a>>,
    pub(super) kind: MetricType,
    pub(super) unit: &'a str,
    /// Where the points have no start of their own; 0 is not set.
    pub(super) created_ms: i64,
}

/// Labels of an exemplar, or why they cannot be read; value; milliseconds since 1970.
pub(super) type RawExemplar<'a> = (Result<Vec<Label<'a>>, &'static str>, f64, i64);

/// The series of a request, in the order of their first mention.
#[derive(Default)]
pub(super) struct SeriesSet {
    places: HashMap<Box<[u8]>, usize>,
    series: Vec<Series>,
    targets: HashMap<[String; 2], usize>,
    resources: Vec<ResourceMetrics>,
    pub(super) budget: Budget,
    rejects: Rejects,
    key: Vec<u8>,
}

struct Series {
    resource: usize,
    name: String,
    attributes: Vec<KeyValue>,
    cost: usize,
    /// More than one where its kind or unit changes on the way.
    metrics: Vec<Metric>,
    exemplars: Vec<Exemplar>,
}

impl SeriesSet {
    /// Counts what is left out before it comes here.
    pub(super) fn reject(&mut self, reason: &str, count: u64) {
        self.rejects.add(reason, count);
    }

    /// Adds what a message says of a series.
    pub(super) fn add(&mut self, found: TimeSeries<'_>) {
        let TimeSeries { labels, samples, histograms, exemplars, kind, unit, created_ms } = found;
        let place = match self.place(labels) {
            Ok(place) => place,
            Err(reason) => {
                let items = samples.len() + histograms.len() + exemplars.len();
                return self.reject(reason, items.max(1) as u64);
            }
        };
        let (series, budget) = (&mut self.series[place], &mut self.budget);
        let is_counter = is_counter(kind, &series.name);
        for sample in samples {
            let point = points::number(sample, created_ms, is_counter);
            if let Err(reason) = point.and_then(|point| series.push_number(point, is_counter, unit, budget)) {
                self.rejects.add(reason, 1);
            }
        }
        for histogram in histograms {
            let is_gauge =
                histogram.reset_hint == ResetHint::Gauge as i32 || kind == MetricType::GaugeHistogram;
            let point = histograms::convert(histogram, created_ms, budget);
            if let Err(reason) = point.and_then(|point| series.push_histogram(point, is_gauge, unit, budget))
            {
                self.rejects.add(reason, 1);
            }
        }
        for (labels, value, time_ms) in exemplars {
            match labels.map(|labels| exemplars::convert(&labels, value, time_ms, budget)) {
                Ok(Ok(exemplar)) => series.exemplars.push(exemplar),
                Ok(Err(reason)) => self.rejects.add(reason, 1),
                Err(reason) => self.rejects.add(&format!("exemplar: {reason}"), 1),
            }
        }
    }

    /// The request as OpenTelemetry has it, what was left out, and how many exemplars found no point.
    pub(super) fn finish(mut self) -> (ExportMetricsServiceRequest, Rejects, u64) {
        let mut strays = 0;
        for mut series in self.series {
            if let Err(count) = exemplars::attach(series.exemplars, &mut series.metrics) {
                strays += count;
            }
            let resource = &mut self.resources[series.resource];
            resource.scope_metrics[0].metrics.append(&mut series.metrics);
        }
        self.rejects.add("exemplar: the request has no sample of its series", strays);
        (ExportMetricsServiceRequest { resource_metrics: self.resources }, self.rejects, strays)
    }

    /// Where the series with these labels is, which is made if it is not there yet.
    fn place(&mut self, labels: Vec<Label<'_>>) -> Result<usize, &'static str> {
        // to sort and compare them is work, too, which a table of symbols makes cheap to ask for
        self.budget.spend(labels.iter().map(|(name, value)| name.len() + value.len()).sum())?;
        let labels = Labels::new(labels)?;
        labels.write_key(&mut self.key);
        if let Some(place) = self.places.get(self.key.as_slice()) {
            return Ok(*place);
        }
        let cost = POINT_BYTES + labels.cost();
        self.budget.spend(cost + self.key.len())?;
        let target = labels.target();
        let resources = &mut self.resources;
        let resource = *self.targets.entry(target.map(str::to_owned)).or_insert_with(|| {
            resources.push(ResourceMetrics {
                resource: Some(labels::resource(target)),
                scope_metrics: vec![ScopeMetrics::default()],
                ..Default::default()
            });
            resources.len() - 1
        });
        let place = self.series.len();
        self.places.insert(self.key.as_slice().into(), place);
        self.series.push(Series {
            resource,
            name: labels.name().to_owned(),
            attributes: labels.attributes(),
            cost,
            metrics: Vec::new(),
            exemplars: Vec::new(),
        });
        Ok(place)
    }
}

impl Series {
    fn push_number(
        &mut self,
        mut point: NumberDataPoint,
        is_counter: bool,
        unit: &str,
        budget: &mut Budget,
    ) -> Result<(), &'static str> {
        budget.spend(self.cost + unit.len())?;
        point.attributes.clone_from(&self.attributes);
        let data_points = vec![point];
        self.push(
            unit,
            if is_counter {
                let aggregation_temporality = AggregationTemporality::Cumulative as i32;
                Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic: true })
            } else {
                Data::Gauge(Gauge { data_points })
            },
            budget,
        )
    }

    fn push_histogram(
        &mut self,
        point: Converted,
        is_gauge: bool,
        unit: &str,
        budget: &mut Budget,
    ) -> Result<(), &'static str> {
        budget.spend(self.cost + unit.len())?;
        // OpenTelemetry has no histograms that go up and down; what comes closest says neither that it adds up nor that it does not
        let temporality =
            if is_gauge { AggregationTemporality::Unspecified } else { AggregationTemporality::Cumulative };
        let aggregation_temporality = temporality as i32;
        let data = match point {
            Converted::Exponential(mut point) => {
                point.attributes.clone_from(&self.attributes);
                Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: vec![point],
                    aggregation_temporality,
                })
            }
            Converted::Explicit(mut point) => {
                point.attributes.clone_from(&self.attributes);
                Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality })
            }
        };
        self.push(unit, data, budget)
    }

    /// Adds one point: to the metric before, where that is of its kind.
    fn push(&mut self, unit: &str, data: Data, budget: &mut Budget) -> Result<(), &'static str> {
        let data = match self.metrics.last_mut().filter(|metric| metric.unit == unit) {
            Some(Metric { data: Some(last), .. }) => merge(last, data),
            _ => Some(data),
        };
        if data.is_some() {
            budget.spend(METRIC_BYTES + self.name.len() + unit.len())?;
            let (name, unit) = (self.name.clone(), unit.to_owned());
            self.metrics.push(Metric { name, unit, data, ..Default::default() });
        }
        Ok(())
    }
}

/// Whether the samples of a series only count up, and since when.
fn is_counter(kind: MetricType, name: &str) -> bool {
    match kind {
        MetricType::Counter => true,
        MetricType::Histogram | MetricType::Summary => CUMULATIVE.iter().any(|suffix| name.ends_with(suffix)),
        MetricType::Unspecified
        | MetricType::Gauge
        | MetricType::GaugeHistogram
        | MetricType::Info
        | MetricType::StateSet => false,
    }
}

/// Moves the points of `from` behind those of `into`; gives `from` back where it is of another kind.
fn merge(into: &mut Data, from: Data) -> Option<Data> {
    match (into, from) {
        (Data::Gauge(into), Data::Gauge(mut from)) => into.data_points.append(&mut from.data_points),
        (Data::Sum(into), Data::Sum(mut from)) => into.data_points.append(&mut from.data_points),
        (Data::Histogram(into), Data::Histogram(mut from))
            if into.aggregation_temporality == from.aggregation_temporality =>
        {
            into.data_points.append(&mut from.data_points);
        }
        (Data::ExponentialHistogram(into), Data::ExponentialHistogram(mut from))
            if into.aggregation_temporality == from.aggregation_temporality =>
        {
            into.data_points.append(&mut from.data_points);
        }
        (_, from) => return Some(from),
    }
    None
}
