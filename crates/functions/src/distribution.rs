//! Distributions in SQL: aggregates that make them, scalars that read and compare them.
//!
//! `column` is the way between [`crate::kernels::distribution`] and Arrow: the documented STRUCT, which is also the partial
//! state. `aggregate` and `accumulator` make distributions, `between` compares two, one function a file. `categories` is the same for
//! texts and booleans.

mod accumulator;
mod aggregate;
mod between;
pub(crate) mod categories;
mod column;
mod documentation;
mod from_otel;
mod operand;
mod read;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use aggregate::Source;
pub(crate) use between::BetweenFunction;
pub(crate) use column::{Distributions, reads};

pub(crate) use aggregate::DistributionFunction;
pub(crate) use categories::CategoryDistributionFunction;

/// The aggregate functions, in the order of the documentation.
pub(crate) fn aggregates() -> impl Iterator<Item = Arc<AggregateUDF>> {
    let [values, merged] = [Source::Values, Source::Distributions]
        .map(|source| AggregateUDF::new_from_impl(DistributionFunction::new(source)));
    let categories = AggregateUDF::new_from_impl(CategoryDistributionFunction::new());
    [values, categories, merged].into_iter().map(Arc::new)
}

/// The function that summarises values.
pub(crate) fn of_values() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(DistributionFunction::new(Source::Values)))
}

/// The scalar functions, in the order of the documentation.
pub(crate) fn scalars() -> impl Iterator<Item = Arc<ScalarUDF>> {
    let read = read::ALL.into_iter().map(|read| ScalarUDF::new_from_impl(read::ReadFunction::new(read)));
    let between = between::ALL
        .into_iter()
        .map(|between| ScalarUDF::new_from_impl(between::BetweenFunction::new(between)));
    let foreign = [ScalarUDF::new_from_impl(from_otel::FromOtel::new())];
    read.chain(between).chain(foreign).map(Arc::new)
}
