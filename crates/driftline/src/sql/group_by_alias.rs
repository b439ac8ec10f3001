//! `GROUP BY alias` means the alias of the SELECT list where the alias hides a column of the same name but another expression.
//!
//! `SELECT date_bin(INTERVAL '1 hour', time) AS time, avg(x) ... GROUP BY time` is the query that dashboards write. In the standard
//! the column `time` wins: one group a row, with the binned time repeated. Here the alias wins, embedded and served alike. An alias
//! of an aggregate stays what it is, since nothing can be grouped by it.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, GroupByExpr, Ident, Select, SelectItem, Visit, VisitMut, Visitor, VisitorMut,
};

/// Rewrites every GROUP BY in a statement, also in subqueries and common table expressions.
pub(super) fn rewrite(statement: &mut DfStatement, is_aggregate: impl Fn(&str) -> bool) {
    let mut rewriter = Rewriter { is_aggregate: &is_aggregate };
    let _done = match statement {
        DfStatement::Statement(statement) => statement.visit(&mut rewriter),
        DfStatement::Explain(explain) => {
            rewrite_inner(&mut explain.statement, &mut rewriter);
            ControlFlow::Continue(())
        }
        DfStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(&mut rewriter),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::CreateExternalTable(_) | DfStatement::Reset(_) => ControlFlow::Continue(()),
    };
}

fn rewrite_inner(statement: &mut DfStatement, rewriter: &mut Rewriter<'_>) {
    if let DfStatement::Statement(statement) = statement {
        let _done = statement.visit(rewriter);
    }
}

struct Rewriter<'a> {
    is_aggregate: &'a dyn Fn(&str) -> bool,
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let aliases = self.hiding_aliases(&select.projection);
        if let GroupByExpr::Expressions(expressions, _) = &mut select.group_by
            && !aliases.is_empty()
        {
            for expression in expressions {
                substitute(expression, &aliases);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter<'_> {
    /// The aliases that stand for something else than the column of their name.
    fn hiding_aliases(&self, projection: &[SelectItem]) -> HashMap<String, Expr> {
        let mut aliases = HashMap::new();
        for item in projection {
            let SelectItem::ExprWithAlias { expr, alias } = item else { continue };
            let name = normalised(alias);
            if is_column(expr, &name) || self.has_aggregate(expr) {
                continue;
            }
            aliases.entry(name).or_insert_with(|| expr.clone());
        }
        aliases
    }

    fn has_aggregate(&self, expression: &Expr) -> bool {
        struct Finder<'a>(&'a dyn Fn(&str) -> bool);
        impl Visitor for Finder<'_> {
            type Break = ();

            fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
                match expression {
                    Expr::Function(function)
                        if function.over.is_some()
                            || (self.0)(&function.name.to_string().to_lowercase())
                            || matches!(&function.args, FunctionArguments::List(list) if !list.clauses.is_empty()) =>
                    {
                        ControlFlow::Break(())
                    }
                    _ => ControlFlow::Continue(()),
                }
            }
        }
        expression.visit(&mut Finder(self.is_aggregate)).is_break()
    }
}

/// Replaces a bare alias; lists inside of ROLLUP, CUBE and GROUPING SETS as well.
fn substitute(expression: &mut Expr, aliases: &HashMap<String, Expr>) {
    match expression {
        Expr::Identifier(identifier) => {
            if let Some(aliased) = aliases.get(&normalised(identifier)) {
                *expression = aliased.clone();
            }
        }
        Expr::Nested(inner) => substitute(inner, aliases),
        Expr::Tuple(items) => items.iter_mut().for_each(|item| substitute(item, aliases)),
        Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => {
            sets.iter_mut().flatten().for_each(|item| substitute(item, aliases));
        }
        _ => {}
    }
}

fn is_column(expression: &Expr, name: &str) -> bool {
    match expression {
        Expr::Identifier(identifier) => normalised(identifier) == name,
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|last| normalised(last) == name),
        Expr::Nested(inner) => is_column(inner, name),
        _ => false,
    }
}

fn normalised(identifier: &Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}

#[cfg(test)]
mod tests;
