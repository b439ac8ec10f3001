//! `precision`: how many of the predicted ones are right.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::options::{AVERAGE, POSITIVE};
use super::{Measure, Quality, documentation};
use crate::kernels::classification::ClassCounts;

pub(super) static PRECISION: Quality = Quality {
    name: "precision",
    options: &[AVERAGE, POSITIVE],
    measure: Measure::Class(ClassCounts::precision),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of_classes(
        "precision",
        "The share of right ones among the rows that were predicted positive, DOUBLE from 0 to 1.\n\n\
         `both / predicted` in rows of the class. Source: scikit-learn, precision_score with zero_division=nan: for a class that was never predicted it is NULL, and such \
         a class is left out of a mean over classes. NULL when no row has both label and prediction.\n\n\
         Errors: integer labels other than -1, 0 and 1 when neither a positive class nor an average over classes is \
         asked for.",
        true,
    )
});
