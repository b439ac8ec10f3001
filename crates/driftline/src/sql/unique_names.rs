//! Two columns of one SELECT list may have the same name, as in `SELECT 1, 1` or `SELECT time, CAST(time AS BIGINT)`. DataFusion
//! refuses them, and takes some for the same that are not: to it a cast has the name of what it casts. So where it has refused, the
//! first keeps its name and the later ones get a number behind it: `count(*)`, `count(*)_1`.
//!
//! Names are compared roughly here, since nothing is renamed in a statement that DataFusion takes as it is.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Select, SelectItem, TypedString, Visit, VisitMut, Visitor, VisitorMut, visit_expressions_mut,
};

/// How DataFusion's refusal begins, whatever follows.
const REFUSAL: &str = "require unique expression names";

/// Whether DataFusion refused a statement because two columns have one name; it may call the name ambiguous.
pub(super) fn is_collision(error: &DataFusionError) -> bool {
    is_doubled(error)
        || matches!(error.find_root(), DataFusionError::SchemaError(schema, _)
            if matches!(schema.as_ref(), SchemaError::AmbiguousReference { .. }))
}

/// Whether DataFusion says that two columns have one name.
pub(super) fn is_doubled(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::Plan(message) => message.contains(REFUSAL),
        DataFusionError::SchemaError(schema, _) => matches!(
            schema.as_ref(),
            SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. }
        ),
        _ => false,
    }
}

/// Renames the later ones of equal names in every SELECT of a statement; `columns` are the names of all columns that a `*` can
/// stand for. Whether there were any.
pub(super) fn rewrite(statement: &mut DfStatement, columns: &BTreeSet<String>) -> bool {
    match statement {
        DfStatement::Statement(statement) => rewrite_node(statement.as_mut(), columns),
        DfStatement::Explain(explain) => rewrite(&mut explain.statement, columns),
        DfStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => rewrite_node(query.as_mut(), columns),
            CopyToSource::Relation(_) => false,
        },
        DfStatement::CreateExternalTable(_) | DfStatement::Reset(_) => false,
    }
}

fn rewrite_node(node: &mut (impl Visit + VisitMut), columns: &BTreeSet<String>) -> bool {
    let mut aliases = Aliases(columns.clone());
    let _done = Visit::visit(node, &mut aliases);
    let mut namer = Namer { columns, used: aliases.0, renamed: false };
    let _done = VisitMut::visit(node, &mut namer);
    namer.renamed
}

/// Collects the aliases of a statement.
struct Aliases(BTreeSet<String>);

impl Visitor for Aliases {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.0.insert(normalised(alias));
            }
        }
        ControlFlow::Continue(())
    }
}

struct Namer<'a> {
    columns: &'a BTreeSet<String>,
    /// Names that mean something in the statement already.
    used: BTreeSet<String>,
    renamed: bool,
}

impl VisitorMut for Namer<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let is_wildcard =
            |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        if select.projection.iter().any(is_wildcard) {
            seen.extend(self.columns.iter().map(|column| (column.to_lowercase(), 0)));
        }
        for item in &mut select.projection {
            let (name, shown) = match &*item {
                SelectItem::UnnamedExpr(expr) => (compared(expr), shown(expr)),
                SelectItem::ExprWithAlias { alias, .. } => (alias.value.to_lowercase(), normalised(alias)),
                _ => continue,
            };
            let Some(count) = seen.get_mut(&name) else {
                seen.insert(name, 0);
                continue;
            };
            let alias = loop {
                *count += 1;
                let alias = format!("{shown}_{count}");
                if !self.used.contains(&alias) {
                    break alias;
                }
            };
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = &*item else {
                continue;
            };
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', alias) };
            self.renamed = true;
        }
        ControlFlow::Continue(())
    }
}

/// What DataFusion may take for the name of an expression, roughly: no casts, no brackets, no tables, no case.
fn compared(expression: &Expr) -> String {
    let mut bare = expression.clone();
    let _done = visit_expressions_mut::<_, (), _>(&mut bare, |expression| {
        while let Expr::Cast { expr, .. } | Expr::Nested(expr) = expression {
            *expression = expr.as_ref().clone();
        }
        match expression {
            Expr::TypedString(TypedString { value, .. }) => *expression = Expr::Value(value.clone()),
            Expr::Identifier(name) => *name = Ident::new(normalised(name)),
            Expr::CompoundIdentifier(parts) => {
                if let Some(last) = parts.last() {
                    *expression = Expr::Identifier(Ident::new(normalised(last)));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    bare.to_string().to_lowercase()
}

/// What a column is called: its own name, or the text of the expression.
fn shown(expression: &Expr) -> String {
    match expression {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => shown(expr),
        Expr::Identifier(name) => normalised(name),
        Expr::CompoundIdentifier(parts) => parts.last().map(normalised).unwrap_or_default(),
        other => other.to_string(),
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
