//! Model quality over joined labels: `f(label, prediction)` and `f(label, score)`. The truth always comes first.
//!
//! A [`Quality`] says what one SQL function is; [`function::QualityFunction`] is its way into DataFusion. What is kept per
//! group follows from the measure, and all of it is integers, so partial states merge in any order to the same bits:
//!
//! | measure | kept | state that travels |
//! |---|---|---|
//! | agreement, one class, means over rows, bins of equal width | counts and fixed-point sums | those |
//! | every class, the confusion matrix | a count for each pair of classes that occurs | pairs and counts |
//! | ranks, bins at quantiles | the scores as ordered keys, by label | the keys, sorted |
//!
//! A row whose label or prediction is NULL is left out: its label has not arrived yet.

mod accuracy;
mod brier;
mod calibration;
mod confusion_matrix;
mod documentation;
mod ece;
mod f1;
mod function;
mod log_loss;
mod options;
mod positive;
mod precision;
mod recall;
mod roc_auc;
mod state;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, Documentation};

use crate::kernels::classification::ClassCounts;

pub(crate) use function::QualityFunction;

/// What one function of model quality is.
pub(crate) struct Quality {
    name: &'static str,
    /// The options it knows.
    options: &'static [&'static str],
    measure: Measure,
    documentation: fn() -> &'static Documentation,
}

/// The number, from the labels and what the model said.
#[derive(Clone, Copy)]
enum Measure {
    /// The share of rows whose prediction is the label.
    Agreement,
    /// A number of one class, or its mean over all of them.
    Class(fn(&ClassCounts) -> Option<f64>),
    /// How often each pair of classes occurs.
    Matrix,
    /// The mean over rows of a number from 0 to 64.
    Mean(fn(bool, f64) -> f64),
    /// A number from the sorted scores of negatives and positives.
    Ranks(fn(&[u64], &[u64]) -> Option<f64>),
    /// From bins of probabilities.
    Bins(BinsAnswer),
}

/// What becomes of bins.
#[derive(Debug, Clone, Copy)]
enum BinsAnswer {
    ExpectedError,
    List,
}

impl Measure {
    /// Whether the second argument is a class rather than a score.
    fn compares_classes(self) -> bool {
        matches!(self, Self::Agreement | Self::Class(_) | Self::Matrix)
    }

    /// Whether one class is the positive one.
    fn has_positive(self) -> bool {
        !matches!(self, Self::Agreement | Self::Matrix)
    }

    /// Whether the score is a probability.
    fn takes_probability(self) -> bool {
        matches!(self, Self::Mean(_) | Self::Bins(_))
    }
}

/// Every function of model quality, in the order of the documentation.
pub(crate) fn all() -> Vec<Arc<AggregateUDF>> {
    [
        &accuracy::ACCURACY,
        &precision::PRECISION,
        &recall::RECALL,
        &f1::F1,
        &confusion_matrix::CONFUSION_MATRIX,
        &roc_auc::ROC_AUC,
        &log_loss::LOG_LOSS,
        &brier::BRIER,
        &ece::ECE,
        &calibration::CALIBRATION,
    ]
    .map(|quality| Arc::new(AggregateUDF::new_from_impl(QualityFunction::new(quality, None))))
    .to_vec()
}
