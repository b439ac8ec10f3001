//! Parameters: `$1`, `$2`, ... or `?`, which the cursor numbers. Their values take their places in the plan, never in the text.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::error::{Error, Result};
use crate::session::Parameter;

/// Parameters of a statement, at most.
const PARAMETERS_MAX: usize = 65_535;

/// What stands in the places of the parameters of a statement.
#[derive(Clone, Debug)]
pub(crate) enum Parameters {
    /// Nothing yet: the statement is planned, not run.
    Open,
    /// These values, in the order of their numbers.
    Given(Arc<[ScalarValue]>),
    /// Values for each row that an INSERT writes.
    Rows(Arc<[Arc<[ScalarValue]>]>),
}

impl Default for Parameters {
    fn default() -> Self {
        Self::Given(Arc::new([]))
    }
}

impl Parameters {
    /// A plan with values for its parameters.
    pub(super) fn fill(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let found = found_in(&plan)?;
        match self {
            Self::Given(values) if !found.is_empty() => {
                found.keys().try_for_each(|number| self.value(*number).map(drop))?;
                Ok(plan.with_param_values(values.to_vec())?)
            }
            Self::Given(_) | Self::Open => Ok(plan),
            Self::Rows(_) => {
                Err(Error::invalid("only INSERT INTO ... VALUES takes several rows of parameters"))
            }
        }
    }

    /// The parameters of each row.
    pub(super) fn each(&self) -> Vec<Self> {
        match self {
            Self::Rows(rows) => rows.iter().map(|row| Self::Given(Arc::clone(row))).collect(),
            one => vec![one.clone()],
        }
    }

    /// A value of a row, outside of any plan: with values for its parameters. Where there are none yet, one that stands for itself gets the type
    /// that it must have.
    pub(super) fn fill_value(&self, value: Expr, wanted: &DataType) -> Result<Expr> {
        if let (Self::Open, Expr::Placeholder(place)) = (self, &value) {
            number(&place.id)?;
            let field = Arc::new(Field::new(&place.id, wanted.clone(), true));
            return Ok(Expr::Placeholder(Placeholder::new_with_field(place.id.clone(), Some(field))));
        }
        let fill = |expr: Expr| -> Result<Transformed<Expr>> {
            match (self, &expr) {
                (Self::Given(_), Expr::Placeholder(place)) => {
                    let value = self.value(number(&place.id)?)?;
                    Ok(Transformed::yes(Expr::Literal(value.clone(), None)))
                }
                _ => Ok(Transformed::no(expr)),
            }
        };
        Ok(value.transform_up(|expr| fill(expr).map_err(crate::error::external))?.data)
    }

    fn value(&self, number: usize) -> Result<&ScalarValue> {
        let values: &[ScalarValue] = match self {
            Self::Given(values) => values,
            Self::Open | Self::Rows(_) => &[],
        };
        values.get(number - 1).ok_or_else(|| {
            Error::invalid(format!("parameter ${number} has no value: {} are given", values.len()))
        })
    }
}

/// The parameters of a plan up to the highest number, with their types where the plan says them.
pub(super) fn of_plan(plan: &LogicalPlan) -> Result<Vec<Parameter>> {
    let mut found = found_in(plan)?;
    let count = found.keys().max().copied().unwrap_or(0);
    let parameter = |number| Parameter {
        name: format!("${number}"),
        data_type: found.remove(&number).and_then(|types| match types.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }),
    };
    Ok((1..=count).map(parameter).collect())
}

/// The numbers of the parameters of a plan, and the types that they are used in.
fn found_in(plan: &LogicalPlan) -> Result<BTreeMap<usize, Vec<DataType>>> {
    let mut found: BTreeMap<usize, Vec<DataType>> = BTreeMap::new();
    let mut note = |expr: &Expr| -> DfResult<TreeNodeRecursion> {
        if let Expr::Placeholder(Placeholder { id, field }) = expr {
            let types = found.entry(number(id).map_err(crate::error::external)?).or_default();
            if let Some(field) = field
                && !types.contains(field.data_type())
            {
                types.push(field.data_type().clone());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    };
    plan.apply_with_subqueries(|node| node.apply_expressions(|expr| expr.apply(&mut note)))?;
    Ok(found)
}

/// The number of a parameter.
fn number(id: &str) -> Result<usize> {
    let number = id.strip_prefix('$').and_then(|digits| digits.parse().ok());
    number.filter(|number| (1..=PARAMETERS_MAX).contains(number)).ok_or_else(|| {
        Error::invalid(format!("parameters are written ? or $1, $2, ... up to ${PARAMETERS_MAX}, got {id}"))
    })
}

#[cfg(test)]
mod tests;
