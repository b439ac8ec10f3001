//! `recall`: how many of the true ones are found.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::options::{AVERAGE, POSITIVE};
use super::{Measure, Quality, documentation};
use crate::kernels::classification::ClassCounts;

pub(super) static RECALL: Quality = Quality {
    name: "recall",
    options: &[AVERAGE, POSITIVE],
    measure: Measure::Class(ClassCounts::recall),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_classes(
        "recall",
        "The share of rows with the positive label that were predicted so, DOUBLE from 0 to 1; also called sensitivity.\n\n\
         `both / actual` in rows of the class. Source: scikit-learn, recall_score with zero_division=nan: for a class that is never true it is NULL, and such \
         a class is left out of a mean over classes. NULL when no row has both label and prediction.\n\n\
         Errors: integer labels other than -1, 0 and 1 when neither a positive class nor an average over classes is \
         asked for.",
        true,
    )
});
