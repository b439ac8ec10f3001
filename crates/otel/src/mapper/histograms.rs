//! What histograms and summaries hold besides count and sum: buckets, the exponential distribution, quantiles.

use std::sync::Arc;

use arrow::{
    array::{ArrayBuilder, ArrayRef, Float64Builder, Int32Builder, Int64Builder, NullBufferBuilder},
    datatypes::DataType,
};
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogramDataPoint, exponential_histogram_data_point::Buckets,
};

use super::points::Shape;
use crate::columns::{ListColumn, field_type, item_type, list_array, list_of, struct_array, struct_of};

/// The columns `bounds` and `bucket_counts`.
#[derive(Default)]
pub(super) struct ExplicitBuckets {
    bounds: Float64Builder,
    bounds_rows: ListColumn,
    counts: Counts,
}

impl ExplicitBuckets {
    pub(super) fn push_row(&mut self, shape: Shape<'_>) {
        match shape {
            Shape::Buckets { bounds, counts } => {
                self.bounds.append_slice(bounds);
                self.bounds_rows.end_present_row(self.bounds.len());
                self.counts.push_row(counts);
            }
            Shape::Plain | Shape::Exponential(_) | Shape::Quantiles(_) => {
                self.bounds_rows.end_row(self.bounds.len());
                self.counts.push_null();
            }
        }
    }

    pub(super) fn finish_bounds(&mut self, ty: &DataType) -> ArrayRef {
        list_array(&mut self.bounds_rows, Arc::new(self.bounds.finish()), ty)
    }

    pub(super) fn finish_counts(&mut self, ty: &DataType) -> ArrayRef {
        self.counts.finish(ty)
    }
}

/// A list of counts. The points were checked: every count fits.
#[derive(Default)]
struct Counts {
    values: Int64Builder,
    rows: ListColumn,
    total: usize,
}

impl Counts {
    fn push_row(&mut self, counts: &[u64]) {
        counts.iter().for_each(|count| self.values.append_value(*count as i64));
        self.total += counts.len();
        self.rows.end_present_row(self.total);
    }

    fn push_null(&mut self) {
        self.rows.end_row(self.total);
    }

    fn finish(&mut self, ty: &DataType) -> ArrayRef {
        list_array(&mut self.rows, Arc::new(self.values.finish()), ty)
    }
}

/// The column `distribution`: exponential histograms as they were sent.
pub(super) struct Distributions {
    nulls: NullBufferBuilder,
    scale: Int32Builder,
    zero_count: Int64Builder,
    zero_threshold: Float64Builder,
    positive_offset: Int32Builder,
    positive: Counts,
    negative_offset: Int32Builder,
    negative: Counts,
}

impl Default for Distributions {
    fn default() -> Self {
        Self {
            nulls: NullBufferBuilder::new(0),
            scale: Int32Builder::new(),
            zero_count: Int64Builder::new(),
            zero_threshold: Float64Builder::new(),
            positive_offset: Int32Builder::new(),
            positive: Counts::default(),
            negative_offset: Int32Builder::new(),
            negative: Counts::default(),
        }
    }
}

impl Distributions {
    pub(super) fn ty() -> DataType {
        struct_of(&[
            ("scale", DataType::Int32),
            ("zero_count", DataType::Int64),
            ("zero_threshold", DataType::Float64),
            ("positive_offset", DataType::Int32),
            ("positive_counts", list_of(DataType::Int64)),
            ("negative_offset", DataType::Int32),
            ("negative_counts", list_of(DataType::Int64)),
        ])
    }

    pub(super) fn push_row(&mut self, shape: Shape<'_>) {
        let Shape::Exponential(point) = shape else {
            self.nulls.append_null();
            self.scale.append_null();
            self.zero_count.append_null();
            self.zero_threshold.append_null();
            self.positive_offset.append_null();
            self.positive.push_null();
            self.negative_offset.append_null();
            self.negative.push_null();
            return;
        };
        self.push_point(point);
    }

    fn push_point(&mut self, point: &ExponentialHistogramDataPoint) {
        self.nulls.append_non_null();
        self.scale.append_value(point.scale);
        self.zero_count.append_value(point.zero_count as i64);
        self.zero_threshold.append_value(point.zero_threshold);
        let side = |buckets: Option<&'_ Buckets>| buckets.map_or(0, |buckets| buckets.offset);
        self.positive_offset.append_value(side(point.positive.as_ref()));
        self.positive.push_row(point.positive.as_ref().map_or(&[], |buckets| &buckets.bucket_counts));
        self.negative_offset.append_value(side(point.negative.as_ref()));
        self.negative.push_row(point.negative.as_ref().map_or(&[], |buckets| &buckets.bucket_counts));
    }

    pub(super) fn finish(&mut self, ty: &DataType) -> ArrayRef {
        let children: Vec<ArrayRef> = vec![
            Arc::new(self.scale.finish()),
            Arc::new(self.zero_count.finish()),
            Arc::new(self.zero_threshold.finish()),
            Arc::new(self.positive_offset.finish()),
            self.positive.finish(field_type(ty, 4)),
            Arc::new(self.negative_offset.finish()),
            self.negative.finish(field_type(ty, 6)),
        ];
        struct_array(ty, self.nulls.finish(), children)
    }
}

/// The column `quantiles` of summaries.
#[derive(Default)]
pub(super) struct Quantiles {
    rows: ListColumn,
    quantile: Float64Builder,
    value: Float64Builder,
    total: usize,
}

impl Quantiles {
    pub(super) fn ty() -> DataType {
        list_of(struct_of(&[("quantile", DataType::Float64), ("value", DataType::Float64)]))
    }

    pub(super) fn push_row(&mut self, shape: Shape<'_>) {
        if let Shape::Quantiles(values) = shape {
            for pair in values {
                self.quantile.append_value(pair.quantile);
                self.value.append_value(pair.value);
            }
            self.total += values.len();
        }
        self.rows.end_row(self.total);
    }

    pub(super) fn finish(&mut self, ty: &DataType) -> ArrayRef {
        let children: Vec<ArrayRef> = vec![Arc::new(self.quantile.finish()), Arc::new(self.value.finish())];
        let structs = struct_array(item_type(ty), None, children);
        list_array(&mut self.rows, structs, ty)
    }
}
