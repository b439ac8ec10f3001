//! `FROM name FOR SYSTEM_TIME AS OF time`: a table or view as it was. The standard's clause is no part of the dialect, and a planner that does
//! not know it would read the present: so it is taken out of the tokens, and the name put into a schema that is called after the time.
//! When the statement is planned, the version of that time is looked up, and the schema has its tables and views.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::{DFSchema, ScalarValue, TableReference};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, cast};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::sqlparser::ast::Expr as SqlExpr;
use datafusion::sql::sqlparser::ast::visit_expressions;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use driftline_storage::{ColumnType, TimeUnit};

use super::cursor::{Cursor, is_word, place};
use crate::catalog::PUBLIC_SCHEMA;
use crate::context::QueryContext;
use crate::error::{Error, Result};

/// The words before the time.
const CLAUSE: [&str; 4] = ["FOR", "SYSTEM_TIME", "AS", "OF"];
/// How the schema of a time begins.
const SCHEMA_PREFIX: &str = "as of ";
/// The most times that one statement may name: each keeps a version.
const TIMES_MAX: usize = 16;

/// Puts the clause of each name into the schema of it.
pub(super) fn mark(mut tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    while let Some((start, end)) = find(&tokens) {
        let at = tokens[start].span.start;
        let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens[end..].to_vec());
        let time = parser.parse_expr().map_err(datafusion::error::DataFusionError::from)?;
        check_constant(&time)?;
        let end = end + parser.index();
        let (name, first) = named(&tokens[..start]).ok_or_else(|| {
            let what = "FOR SYSTEM_TIME AS OF follows the name of a table or view, which stands alone";
            Error::invalid(format!("{what}{}", place(at)))
        })?;
        let span = tokens[name].span;
        let schema = Token::make_word(&format!("{SCHEMA_PREFIX}{time}"), Some('"'));
        let table = tokens[name].clone();
        let replaced = [TokenWithSpan::new(schema, span), TokenWithSpan::new(Token::Period, span), table];
        tokens.splice(first..end, replaced);
    }
    Ok(tokens)
}

/// Whether a statement names something as it was.
pub(super) fn is_marked(tokens: &[TokenWithSpan]) -> bool {
    tokens.iter().any(|token| matches!(&token.token, Token::Word(word) if word.quote_style.is_some() && is_past(&word.value)))
}

/// Refuses a past in what is kept and asked again and again.
pub(super) fn check(cursor: &Cursor<'_>) -> Result<()> {
    let kept = ["VIEW", "SLO", "ALERT"];
    let makes = |what: &str| cursor.at(&["CREATE", what]) || cursor.at(&["CREATE", "OR", "REPLACE", what]);
    match cursor.looks_back() && kept.into_iter().any(makes) {
        true => Err(refused_in_what_is_kept()),
        false => Ok(()),
    }
}

fn refused_in_what_is_kept() -> Error {
    Error::invalid(
        "FOR SYSTEM_TIME AS OF cannot stand in a view, an SLO or an alert: versions are kept for a while only",
    )
}

/// Whether this is the schema of a time.
fn is_past(schema: &str) -> bool {
    schema.starts_with(SCHEMA_PREFIX)
}

/// How the schema of a time reads in messages.
pub(super) fn shown(schema: &str) -> Option<&str> {
    schema.strip_prefix(SCHEMA_PREFIX)
}

/// Where the next clause begins, and where its time does.
fn find(tokens: &[TokenWithSpan]) -> Option<(usize, usize)> {
    let solid: Vec<usize> =
        (0..tokens.len()).filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_))).collect();
    let found = solid
        .windows(CLAUSE.len())
        .position(|window| window.iter().zip(CLAUSE).all(|(at, word)| is_word(&tokens[*at].token, word)))?;
    Some((solid[found], solid[found + CLAUSE.len() - 1] + 1))
}

/// The name that these tokens end with, and where it begins with its schema.
fn named(tokens: &[TokenWithSpan]) -> Option<(usize, usize)> {
    let mut solid = (0..tokens.len()).rev().filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_)));
    let name = solid.next().filter(|at| matches!(tokens[*at].token, Token::Word(_)))?;
    if solid.next().is_none_or(|at| tokens[at].token != Token::Period) {
        return Some((name, name));
    }
    let schema = solid.next().filter(|at| is_word(&tokens[*at].token, PUBLIC_SCHEMA))?;
    Some((name, schema))
}

/// Refuses a time that differs from row to row, or that is known only when the statement runs.
fn check_constant(time: &SqlExpr) -> Result<()> {
    let wrong = visit_expressions(time, |expr| match expr {
        SqlExpr::Identifier(_)
        | SqlExpr::CompoundIdentifier(_)
        | SqlExpr::Subquery(_)
        | SqlExpr::Exists { .. } => ControlFlow::Break(()),
        SqlExpr::Value(value) if value.to_string().starts_with('$') => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    match wrong {
        ControlFlow::Break(()) => {
            Err(Error::invalid(format!("FOR SYSTEM_TIME AS OF takes a constant time, got {time}")))
        }
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The same view of the database with the versions of all times that a statement names; `None` where it names none.
pub(super) async fn look_up(
    references: &[TableReference],
    context: &QueryContext,
) -> Result<Option<QueryContext>> {
    let mut past = HashMap::new();
    let schemas = references.iter().filter_map(TableReference::schema);
    for schema in schemas.filter(|schema| is_past(schema)) {
        if past.contains_key(schema) {
            continue;
        }
        if past.len() == TIMES_MAX {
            return Err(Error::invalid(format!(
                "a statement names at most {TIMES_MAX} times with FOR SYSTEM_TIME AS OF"
            )));
        }
        if !context.relations().may_look_back() {
            return Err(refused_in_what_is_kept());
        }
        let text = schema.strip_prefix(SCHEMA_PREFIX).unwrap_or_default();
        let snapshot = context.engine().storage().snapshot_at(time_of(text, context)?).await?;
        past.insert(schema.to_owned(), Arc::new(context.relations().in_the_past(&snapshot)));
    }
    Ok((!past.is_empty()).then(|| context.with_past(past)))
}

/// The value of a constant time, in nanoseconds since 1970.
fn time_of(text: &str, context: &QueryContext) -> Result<i64> {
    let state = context.state();
    let nothing = Arc::new(DFSchema::empty());
    let time = state.create_logical_expr(text, &nothing)?;
    let utc = ColumnType::Timestamp { unit: TimeUnit::Nanosecond, utc: true }.to_arrow();
    // what is constant becomes a literal, with the statement's now()
    let constants = SimplifyContext::builder()
        .with_schema(Arc::clone(&nothing))
        .with_config_options(Arc::clone(state.config_options()))
        .with_query_execution_start_time(state.execution_props().query_execution_start_time)
        .build();
    let simplifier = ExprSimplifier::new(constants);
    let time = simplifier.simplify(simplifier.coerce(cast(time, utc), &nothing)?)?;
    match time {
        Expr::Literal(ScalarValue::TimestampNanosecond(Some(time), _), _) => Ok(time),
        _ => Err(Error::invalid(format!("FOR SYSTEM_TIME AS OF takes a time, got {text}"))),
    }
}

#[cfg(test)]
mod tests;
