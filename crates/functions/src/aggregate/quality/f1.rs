//! `f1`: precision and recall in one number.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::options::{AVERAGE, POSITIVE};
use super::{Measure, Quality, documentation};
use crate::kernels::classification::ClassCounts;

pub(super) static F1: Quality = Quality {
    name: "f1",
    options: &[AVERAGE, POSITIVE],
    measure: Measure::Class(ClassCounts::f1),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_classes(
        "f1",
        "The harmonic mean of precision and recall, DOUBLE from 0 to 1.\n\n\
         `2 both / (predicted + actual)` in rows of the class. Source: scikit-learn, f1_score with zero_division=nan: for a class that is neither predicted nor true it is NULL, and such \
         a class is left out of a mean over classes. NULL when no row has both label and prediction.\n\n\
         Errors: integer labels other than -1, 0 and 1 when neither a positive class nor an average over classes is \
         asked for.",
        true,
    )
});
