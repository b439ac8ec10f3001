//! `log_loss`: the price of probabilities given to what did not happen.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::options::POSITIVE;
use super::{Measure, Quality, documentation};
use crate::kernels::calibration;

pub(super) static LOG_LOSS: Quality = Quality {
    name: "log_loss",
    options: &[POSITIVE],
    measure: Measure::Mean(calibration::log_loss),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_probabilities(
        "log_loss",
        "The logarithmic loss (cross-entropy) in nats, DOUBLE from 0 (certain and right) to 36.05; always saying 0.5 costs \
         0.693147.\n\n\
         `mean of -ln(q)` with `q = p` where the label is positive and `1 - p` where it is not, clipped to [2.220446e-16, 1 - \
         2.220446e-16]. Source: scikit-learn, log_loss, its clipping for doubles (a FLOAT column is read as DOUBLE and clipped \
         there too). NULL without rows. Each row's loss is rounded once to a multiple of 2^-72 and summed in fixed point.",
        false,
    )
});
