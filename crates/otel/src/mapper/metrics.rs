//! Metrics: one row a data point, of all kinds.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampNanosecondBuilder,
    },
    datatypes::DataType,
};
use opentelemetry_proto::tonic::{collector::metrics::v1::ExportMetricsServiceRequest, metrics::v1::Metric};

use super::{
    InheritedBudget, Mapped, Rejects,
    events::Exemplars,
    histograms::{Distributions, ExplicitBuckets, Quantiles},
    points::{self, Point, Shared},
    report,
};
use crate::{
    attributes::{Attributes, Facts, KeySet, Origin, OriginColumns, ResourceOrigin, assign, non_empty},
    columns::{list_of, map_of_text, time, time_array},
    layout::{Batch, Layout},
    series::{SeriesHash, SortScratch},
};

/// The columns that the mapping itself fills.
pub(super) fn built_in() -> Vec<(&'static str, DataType)> {
    vec![
        ("time", time()),
        ("start_time", time()),
        ("name", DataType::Utf8),
        ("kind", DataType::Utf8),
        ("unit", DataType::Utf8),
        ("temporality", DataType::Utf8),
        ("is_monotonic", DataType::Boolean),
        ("value", DataType::Float64),
        ("count", DataType::Int64),
        ("sum", DataType::Float64),
        ("min", DataType::Float64),
        ("max", DataType::Float64),
        ("bounds", list_of(DataType::Float64)),
        ("bucket_counts", list_of(DataType::Int64)),
        ("distribution", Distributions::ty()),
        ("quantiles", Quantiles::ty()),
        ("exemplars", Exemplars::ty()),
        ("series_id", DataType::Int64),
        ("service_name", DataType::Utf8),
        ("scope_name", DataType::Utf8),
        ("scope_version", DataType::Utf8),
        ("schema_url", DataType::Utf8),
        ("attributes", map_of_text()),
    ]
}

pub(super) fn map(layout: &Layout, keys: &mut KeySet, request: &ExportMetricsServiceRequest) -> Mapped {
    let mut rows = MetricRows::new(layout);
    let mut rejects = Rejects::default();
    let mut budget = InheritedBudget::default();
    for group in &request.resource_metrics {
        let resource = ResourceOrigin::new(layout, keys, group.resource.as_ref(), &group.schema_url);
        let resource_series = SeriesHash::resource(group.resource.as_ref(), &mut rows.sort);
        for group in &group.scope_metrics {
            let origin = resource.scope(layout, keys, group.scope.as_ref(), &group.schema_url);
            let series = resource_series.scope(group.scope.as_ref(), &mut rows.sort);
            for metric in &group.metrics {
                let Some(shared) = points::shared(metric) else {
                    rejects.add("metric: no data, or data of a kind that OTLP does not define", 1);
                    continue;
                };
                let series = series_of(&series, metric, shared);
                points::each(metric, |point| {
                    match point.and_then(|point| budget.spend(&origin).map(|()| point)) {
                        Ok(point) => rows.push(keys, &origin, metric, shared, &series, &point),
                        Err(reason) => rejects.add(reason, 1),
                    }
                });
            }
        }
    }
    rows.finish(rejects)
}

fn series_of(scope: &SeriesHash, metric: &Metric, shared: Shared) -> SeriesHash {
    let is_monotonic = match shared.is_monotonic {
        Some(true) => "true",
        Some(false) => "false",
        None => "",
    };
    let temporality = shared.temporality.unwrap_or_default();
    scope.metric([&metric.name, &metric.unit, shared.kind, temporality, is_monotonic])
}

struct MetricRows<'a> {
    layout: &'a Layout,
    rows: usize,
    time: TimestampNanosecondBuilder,
    start_time: TimestampNanosecondBuilder,
    name: StringBuilder,
    kind: StringBuilder,
    unit: StringBuilder,
    temporality: StringBuilder,
    is_monotonic: BooleanBuilder,
    value: Float64Builder,
    count: Int64Builder,
    sum: Float64Builder,
    min: Float64Builder,
    max: Float64Builder,
    buckets: ExplicitBuckets,
    distribution: Distributions,
    quantiles: Quantiles,
    exemplars: Exemplars,
    series_id: Int64Builder,
    origin: OriginColumns,
    attributes: Attributes<'a>,
    sort: SortScratch,
}

impl<'a> MetricRows<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            rows: 0,
            time: TimestampNanosecondBuilder::new(),
            start_time: TimestampNanosecondBuilder::new(),
            name: StringBuilder::new(),
            kind: StringBuilder::new(),
            unit: StringBuilder::new(),
            temporality: StringBuilder::new(),
            is_monotonic: BooleanBuilder::new(),
            value: Float64Builder::new(),
            count: Int64Builder::new(),
            sum: Float64Builder::new(),
            min: Float64Builder::new(),
            max: Float64Builder::new(),
            buckets: ExplicitBuckets::default(),
            distribution: Distributions::default(),
            quantiles: Quantiles::default(),
            exemplars: Exemplars::default(),
            series_id: Int64Builder::new(),
            origin: OriginColumns::default(),
            attributes: Attributes::with_large_values(layout),
            sort: SortScratch::default(),
        }
    }

    fn push(
        &mut self,
        keys: &mut KeySet,
        origin: &Origin<'_>,
        metric: &Metric,
        shared: Shared,
        series: &SeriesHash,
        point: &Point<'_>,
    ) {
        self.time.append_value(point.time);
        self.start_time.append_option(point.start);
        self.name.append_value(&metric.name);
        self.kind.append_value(shared.kind);
        self.unit.append_option(non_empty(&metric.unit));
        self.temporality.append_option(shared.temporality);
        self.is_monotonic.append_option(shared.is_monotonic);
        self.value.append_option(point.value);
        self.count.append_option(point.count);
        self.sum.append_option(point.sum);
        self.min.append_option(point.min);
        self.max.append_option(point.max);
        self.buckets.push_row(point.shape);
        self.distribution.push_row(point.shape);
        self.quantiles.push_row(point.shape);
        self.exemplars.push_row(point.exemplars);
        self.series_id.append_value(series.point(point.attributes, &mut self.sort));
        self.origin.push(origin);

        assign(&mut keys.record, self.layout, point.attributes, Facts::default(), &mut self.attributes);
        self.attributes.inherit(&origin.scope, point.attributes);
        self.attributes.inherit(origin.resource, point.attributes);
        self.attributes.end_row();
        self.rows += 1;
    }

    fn finish(mut self, rejects: Rejects) -> Mapped {
        let mut batch = Batch::new(self.layout, self.rows);
        batch.put("time", |ty| time_array(&mut self.time, ty));
        batch.put("start_time", |ty| time_array(&mut self.start_time, ty));
        let texts = [
            ("name", &mut self.name),
            ("kind", &mut self.kind),
            ("unit", &mut self.unit),
            ("temporality", &mut self.temporality),
        ];
        for (name, builder) in texts {
            batch.put(name, |_| Arc::new(builder.finish()) as ArrayRef);
        }
        batch.put("is_monotonic", |_| Arc::new(self.is_monotonic.finish()));
        let doubles = [
            ("value", &mut self.value),
            ("sum", &mut self.sum),
            ("min", &mut self.min),
            ("max", &mut self.max),
        ];
        for (name, builder) in doubles {
            batch.put(name, |_| Arc::new(builder.finish()) as ArrayRef);
        }
        batch.put("count", |_| Arc::new(self.count.finish()));
        batch.put("bounds", |ty| self.buckets.finish_bounds(ty));
        batch.put("bucket_counts", |ty| self.buckets.finish_counts(ty));
        batch.put("distribution", |ty| self.distribution.finish(ty));
        batch.put("quantiles", |ty| self.quantiles.finish(ty));
        batch.put("exemplars", |ty| self.exemplars.finish(ty));
        batch.put("series_id", |_| Arc::new(self.series_id.finish()));
        self.origin.finish(&mut batch);
        let (moved, _) = self.attributes.finish(&mut batch);
        report("metrics", self.layout, self.rows, batch.finish(), rejects, moved)
    }
}
