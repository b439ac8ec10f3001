//! `ece`: the expected calibration error.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::options::{BINNING, BINS, POSITIVE};
use super::{BinsAnswer, Measure, Quality, documentation};

pub(super) static ECE: Quality = Quality {
    name: "ece",
    options: &[BINS, BINNING, POSITIVE],
    measure: Measure::Bins(BinsAnswer::ExpectedError),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_probabilities(
        "ece",
        "The expected calibration error, DOUBLE from 0 (what is said with 0.8 happens in 80 of 100) to 1.\n\n\
         `sum over bins of n_b / n * |observed_b - mean predicted_b|`. Source: Naeini et al. (2015), Guo et al. (2017). A bin holds the \
         probabilities above its lower edge up to and including its upper edge, the first one its lower edge too; edges lie at \
         i / bins, or at the quantiles of all probabilities (type 7), as in scikit-learn's calibration_curve. NULL without \
         rows. Few rows a bin make it large by chance alone: with n rows and B bins ask for n well above 50 B.\n\n\
         Equal widths need 48 bytes a bin, whatever the rows; quantiles 8 bytes a row, 12 with GROUP BY.",
        true,
    )
});
