//! `accuracy`: the share of right predictions.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::{Measure, Quality, documentation};

pub(super) static ACCURACY: Quality =
    Quality { name: "accuracy", options: &[], measure: Measure::Agreement, documentation: || &DOCUMENTATION };

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_classes(
        "accuracy",
        "The share of rows whose prediction is the label, DOUBLE from 0 to 1. `wilson_interval` says how far the \
         share of few rows can be trusted.\n\n\
         `right / n`. Source: scikit-learn, accuracy_score. NULL when no row has both.",
        false,
    )
});
