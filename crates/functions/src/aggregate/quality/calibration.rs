//! `calibration`: what happens where the model says so.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Array, Int64Array, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::Result;
use datafusion::logical_expr::Documentation;

use super::options::{BINNING, BINS, POSITIVE};
use super::{BinsAnswer, Measure, Quality, confusion_matrix, documentation};
use crate::kernels::calibration::Bin;
use crate::kernels::wilson;

pub(super) static CALIBRATION: Quality = Quality {
    name: "calibration",
    options: &[BINS, BINNING, POSITIVE],
    measure: Measure::Bins(BinsAnswer::List),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_probabilities(
        "calibration",
        "The reliability diagram, LIST of STRUCT(lo, hi, count BIGINT, mean_predicted, observed, lower, upper), DOUBLE where \
         nothing else is said: for each bin of probabilities that holds rows its edges, its rows, their mean probability, the \
         share that is positive, and that share's 95 % interval. `unnest` makes rows of it.\n\n\
         A bin holds the probabilities above `lo` up to and including `hi`, the first one `lo` too; edges lie at i / bins, or at \
         the quantiles of all probabilities (type 7; repeated ones are one edge). Source: scikit-learn, calibration_curve; the \
         interval is Wilson's (1927). NULL without rows.\n\n\
         Equal widths need 48 bytes a bin, whatever the rows; quantiles 8 bytes a row, 12 with GROUP BY.",
        true,
    )
});

/// A list of bins.
pub(super) fn return_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(fields()), true)))
}

fn fields() -> Fields {
    let doubles = |name: &str| Field::new(name, DataType::Float64, true);
    Fields::from(vec![
        doubles("lo"),
        doubles("hi"),
        Field::new("count", DataType::Int64, true),
        doubles("mean_predicted"),
        doubles("observed"),
        doubles("lower"),
        doubles("upper"),
    ])
}

/// One list a group; NULL where there are no rows.
pub(super) fn lists(groups: impl Iterator<Item = Vec<Bin>>) -> Result<ArrayRef> {
    let groups: Vec<Vec<Bin>> = groups.collect();
    let bins = || groups.iter().flatten();
    let doubles =
        |of: fn(&Bin) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(bins().map(of))) };
    let interval = |bin: &Bin| {
        wilson::interval(bin.positives as f64, bin.count as f64, wilson::Z_95).expect("a bin has rows")
    };
    let columns = vec![
        doubles(|bin| bin.lo),
        doubles(|bin| bin.hi),
        Arc::new(Int64Array::from_iter_values(bins().map(|bin| bin.count as i64))),
        doubles(Bin::mean_predicted),
        doubles(Bin::observed),
        Arc::new(Float64Array::from_iter_values(bins().map(|bin| interval(bin).0))),
        Arc::new(Float64Array::from_iter_values(bins().map(|bin| interval(bin).1))),
    ];
    confusion_matrix::list_of(StructArray::try_new(fields(), columns, None)?, groups.iter().map(Vec::len))
}
