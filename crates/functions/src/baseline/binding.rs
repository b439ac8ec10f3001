//! From `psi(value, baseline('name', 'column', key...))` to a function that has the reference inside.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::{AggregateUDF, AggregateUDFImpl, Expr};

use super::{Kind, References};
use crate::aggregate::ComparisonFunction;
use crate::scalar::BaselineToken;

/// With which reference a call compares.
#[derive(Debug, Clone)]
pub enum Key {
    /// The only one of a baseline without keys.
    Only,
    /// The one of these values; a NULL answer where there is none.
    Given(Vec<ScalarValue>),
    /// By the keys among the arguments; in an aggregate they follow the value and are equal in all rows of a group.
    Arguments,
}

/// A call of a drift function against a baseline.
#[derive(Debug)]
pub struct Call {
    /// The column that it compares with.
    pub references: Arc<References>,
    /// Which of its references.
    pub key: Key,
    /// The text of options, if any was given.
    pub options: Option<String>,
}

/// Whether a function is one of ours that compares two populations.
pub fn is_drift_function(function: &AggregateUDF) -> bool {
    function.inner().downcast_ref::<ComparisonFunction>().is_some_and(|function| !function.is_bound())
}

/// The arguments of `baseline(...)`, if the expression is that.
pub fn call_arguments(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::ScalarFunction(call) if call.func.inner().downcast_ref::<BaselineToken>().is_some() => {
            Some(&call.args)
        }
        _ => None,
    }
}

/// What kind of values a drift function would compare in a column of this type; `None` where any will do.
///
/// # Errors
/// Refuses types that the function does not take.
pub fn value_kind(function: &AggregateUDF, value: &DataType) -> Result<Option<Kind>> {
    match function.inner().downcast_ref::<ComparisonFunction>() {
        Some(function) => function.compared_kind(value),
        None => internal_err!("{} compares no populations", function.name()),
    }
}

/// The function that compares its one argument with a baseline, or its first where keys follow.
///
/// # Errors
/// Refuses columns of embeddings, functions that need every value of the reference, and options whose bins a baseline cannot give.
pub fn bind(function: &AggregateUDF, call: Call) -> Result<Arc<AggregateUDF>> {
    let Some(function) = function.inner().downcast_ref::<ComparisonFunction>() else {
        return internal_err!("{} compares no populations", function.name());
    };
    if call.references.kind() == Kind::Embedding {
        return plan_err!(
            "{}: column \"{}\" of baseline \"{}\" holds embeddings, which only novelty compares",
            AggregateUDFImpl::name(function),
            call.references.column,
            call.references.baseline
        );
    }
    let row = row_of(&call.references, &call.key)?;
    let bound = function.against(call.references, row, call.options)?;
    Ok(Arc::new(AggregateUDF::new_from_impl(bound)))
}

/// The row of a key, `Some(None)` where it has no reference; `None` where the keys are arguments.
pub(super) fn row_of(references: &References, key: &Key) -> Result<Option<Option<u32>>> {
    Ok(match (key, references.keys()) {
        (Key::Only, _) => Some(Some(0)),
        (Key::Given(values), Some(keys)) => {
            let values = values.iter().map(ScalarValue::to_array).collect::<Result<Vec<ArrayRef>>>()?;
            Some(keys.find(&values)?.first().copied().flatten())
        }
        (Key::Arguments, Some(_)) => None,
        (_, None) => return internal_err!("a baseline without keys is asked for one"),
    })
}
