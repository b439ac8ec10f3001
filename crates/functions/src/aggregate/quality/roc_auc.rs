//! `roc_auc`: how well scores tell positives from negatives.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::options::POSITIVE;
use super::{Measure, Quality, documentation};
use crate::kernels::auc;

pub(super) static ROC_AUC: Quality = Quality {
    name: "roc_auc",
    options: &[POSITIVE],
    measure: Measure::Ranks(auc::roc_auc),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_scores(
        "roc_auc",
        "The area under the ROC curve, DOUBLE from 0 to 1: the probability that a positive row scores above a negative one, \
         ties counting half; 0.5 is what chance gives. Exact, over all pairs.\n\n\
         `(sum of the positives' midranks - n_pos (n_pos + 1) / 2) / (n_pos n_neg)`. Source: scikit-learn, roc_auc_score; Hanley \
         and McNeil (1982). NULL when there are no positives or no negatives. Memory: 8 bytes a row, 12 with GROUP BY. Integers \
         and decimals are read as DOUBLE.",
    )
});
