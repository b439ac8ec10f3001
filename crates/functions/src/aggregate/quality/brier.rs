//! `brier`: the mean squared error of probabilities.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::options::POSITIVE;
use super::{Measure, Quality, documentation};
use crate::kernels::calibration;

pub(super) static BRIER: Quality = Quality {
    name: "brier",
    options: &[POSITIVE],
    measure: Measure::Mean(calibration::squared_error),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_probabilities(
        "brier",
        "The Brier score, DOUBLE from 0 (certain and right) to 1; always saying 0.5 costs 0.25.\n\n\
         `mean of (p - y)²` with y = 1 where the label is positive, else 0. Source: Brier (1950); scikit-learn, \
         brier_score_loss. NULL without rows. Each row's term is rounded once to a multiple of 2^-72 and summed in fixed point.",
        false,
    )
});
