//! A column of an answer that has no alias is called what it is written as: `count(*)`, `a + 1`, `psi(x, is_current)`. DataFusion
//! calls it what it has understood: `t.a + Int64(1)`.
//!
//! The names are put over the finished plan, so that nothing within the statement means anything else for it.

use std::collections::BTreeSet;

use datafusion::common::Column;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement as SqlStatement};

/// The names that a statement says by its text, one a column of its answer.
#[derive(Debug)]
pub(super) struct OutputNames {
    /// Those before the first `*`.
    before: Vec<Option<String>>,
    /// Those behind it; `None` where there is none.
    after: Option<Vec<Option<String>>>,
}

impl OutputNames {
    /// `None` for what is no query.
    pub(super) fn of(statement: &DfStatement) -> Option<Self> {
        let DfStatement::Statement(statement) = statement else { return None };
        let SqlStatement::Query(query) = statement.as_ref() else { return None };
        let items = select_list(&query.body)?;
        let names = |items: &[SelectItem]| items.iter().map(name).collect();
        Some(match items.iter().position(is_many) {
            None => Self { before: names(items), after: None },
            Some(first) => {
                // what lies between two of them is at no known place
                let last = items.iter().rposition(is_many).unwrap_or(first);
                Self { before: names(&items[..first]), after: Some(names(&items[last + 1..])) }
            }
        })
    }

    /// Renames the columns of a plan; a name that would be there twice is left as it was.
    pub(super) fn apply(self, plan: LogicalPlan) -> DfResult<LogicalPlan> {
        let fields = plan.schema().fields().len();
        let known = self.before.len() + self.after.as_ref().map_or(0, Vec::len);
        if known > fields || (self.after.is_none() && known != fields) {
            return Ok(plan);
        }
        let between = std::iter::repeat_n(None, fields - known);
        let names: Vec<Option<String>> =
            self.before.into_iter().chain(between).chain(self.after.unwrap_or_default()).collect();

        let mut used: BTreeSet<String> =
            plan.schema().fields().iter().map(|field| field.name().clone()).collect();
        let columns: Vec<PlanExpr> = plan
            .schema()
            .iter()
            .zip(names)
            .map(|(field, name)| {
                let column = PlanExpr::Column(Column::from(field));
                match name.filter(|name| used.insert(name.clone())) {
                    Some(name) => column.alias(name),
                    None => column,
                }
            })
            .collect();
        if columns.iter().all(|column| matches!(column, PlanExpr::Column(_))) {
            return Ok(plan);
        }
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }
}

/// The SELECT list that names the columns of a query: of a UNION the first.
fn select_list(body: &SetExpr) -> Option<&[SelectItem]> {
    match body {
        SetExpr::Select(select) => Some(&select.projection),
        SetExpr::Query(query) => select_list(&query.body),
        SetExpr::SetOperation { left, .. } => select_list(left),
        _ => None,
    }
}

/// Whether one item can be any number of columns.
fn is_many(item: &SelectItem) -> bool {
    match item {
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::UnnamedExpr(Expr::Function(function)) => {
            function.name.to_string().eq_ignore_ascii_case("unnest")
        }
        _ => false,
    }
}

/// The text of an expression; columns and aliases have a name already.
fn name(item: &SelectItem) -> Option<String> {
    let SelectItem::UnnamedExpr(expression) = item else { return None };
    let mut inner = expression;
    while let Expr::Cast { expr, .. } | Expr::Nested(expr) = inner {
        inner = expr;
    }
    match inner {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
