//! The arguments of a call, by name or by place.

use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, SetExpr, Statement as SqlStatement, Value,
};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::{Error, Result, nearest};
use crate::sql::{Cursor, quoted};

pub(super) const USAGE: &str = "drift_report('table or query', reference => ..., current => ... [, columns => 'a, b'] [, segments => 'c, d'])";

/// The arguments in the order of their places.
const ARGUMENTS: [&str; 5] = ["source", "reference", "current", "columns", "segments"];

/// A call, parsed.
#[derive(Debug)]
pub(super) struct Call {
    /// What stands in FROM: a name, or a query in parentheses.
    pub(super) source: String,
    pub(super) reference: Reference,
    pub(super) current: Expr,
    pub(super) columns: Option<Vec<String>>,
    pub(super) segments: Vec<String>,
}

/// What the current rows are compared with.
#[derive(Debug)]
pub(super) enum Reference {
    Rows(Box<Expr>),
    Baseline(String),
}

impl Call {
    pub(super) fn parse(arguments: Vec<FunctionArg>) -> Result<Self> {
        let mut given = [const { None }; ARGUMENTS.len()];
        let mut named = false;
        for (place, argument) in arguments.into_iter().enumerate() {
            let (at, expr) = match argument {
                FunctionArg::Unnamed(expr) if named => {
                    return Err(Error::invalid(format!(
                        "argument {expr} of drift_report follows named ones: name it as well"
                    )));
                }
                FunctionArg::Unnamed(expr) => (place, expr),
                FunctionArg::Named { name, arg, .. } => {
                    named = true;
                    (place_of(&name.value)?, arg)
                }
                FunctionArg::ExprNamed { name, arg, .. } => {
                    named = true;
                    (place_of(&name.to_string())?, arg)
                }
            };
            let FunctionArgExpr::Expr(expr) = expr else {
                return Err(Error::invalid(format!("{expr} is no argument of drift_report: {USAGE}")));
            };
            let Some(slot) = given.get_mut(at) else {
                return Err(Error::invalid(format!("drift_report takes at most 5 arguments: {USAGE}")));
            };
            if slot.replace(expr).is_some() {
                return Err(Error::invalid(format!(
                    "argument {} of drift_report is given twice",
                    ARGUMENTS[at]
                )));
            }
        }
        let [source, reference, current, columns, segments] = given;
        let missing = |name: &str| Error::invalid(format!("drift_report needs {name}: {USAGE}"));
        Ok(Self {
            source: source_of(&source.ok_or_else(|| missing("a table or query"))?)?,
            reference: reference_of(reference.ok_or_else(|| missing("reference"))?)?,
            current: predicate("current", current.ok_or_else(|| missing("current"))?)?,
            columns: columns.map(|columns| names("columns", &columns)).transpose()?,
            segments: segments.map(|segments| names("segments", &segments)).transpose()?.unwrap_or_default(),
        })
    }
}

fn place_of(name: &str) -> Result<usize> {
    let name = name.to_lowercase();
    ARGUMENTS.iter().position(|known| *known == name).ok_or_else(|| {
        let hint = nearest(&name, ARGUMENTS);
        Error::invalid(format!(
            "drift_report has no argument \"{name}\"{hint}: it takes {}",
            ARGUMENTS.join(", ")
        ))
    })
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// What stands in FROM. A query is parsed here, so that it is one query and nothing else.
fn source_of(expr: &Expr) -> Result<String> {
    let Some(text) = text(expr) else {
        return Err(Error::invalid(format!(
            "the first argument of drift_report is the name of a table or view, or a SELECT, in single quotes; got {expr}"
        )));
    };
    let mut cursor = Cursor::new(text)?;
    let is_query = ["SELECT", "WITH", "VALUES"].iter().any(|word| cursor.at(&[word]));
    if is_query || *cursor.peek() == Token::LParen {
        let query = cursor.rest();
        return match cursor.delegate()? {
            DfStatement::Statement(statement) => match *statement {
                SqlStatement::Query(parsed) if reads(&parsed.body) => {
                    // a closing line, because the query may end with a comment
                    Ok(format!("({query}\n) AS driftline_rows"))
                }
                other => Err(not_a_query(&other.to_string())),
            },
            other => Err(not_a_query(&other.to_string())),
        };
    }
    if !matches!(cursor.peek(), Token::Word(_)) {
        return Err(cursor.unexpected("the name of a table or view, or a SELECT"));
    }
    let mut parts = vec![quoted(&cursor.identifier("the name of a table or view")?)];
    while cursor.accept_symbol(&Token::Period) {
        parts.push(quoted(&cursor.identifier("the name of a table or view")?));
    }
    if cursor.is_empty() { Ok(parts.join(".")) } else { Err(not_a_query(text)) }
}

fn reads(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::Query(query) => reads(&query.body),
        SetExpr::SetOperation { left, right, .. } => reads(left) && reads(right),
        SetExpr::Values(_) => true,
        _ => false,
    }
}

fn not_a_query(text: &str) -> Error {
    Error::invalid(format!("drift_report takes the name of a table or view, or one SELECT; got {text}"))
}

fn reference_of(expr: Expr) -> Result<Reference> {
    match &expr {
        Expr::Function(call) if call.name.to_string().eq_ignore_ascii_case("baseline") => {
            let FunctionArguments::List(list) = &call.args else { return Err(baseline_usage(&expr)) };
            match list.args.as_slice() {
                [FunctionArg::Unnamed(FunctionArgExpr::Expr(name))] => match text(name) {
                    Some(name) => Ok(Reference::Baseline(name.to_owned())),
                    None => Err(baseline_usage(&expr)),
                },
                _ => Err(baseline_usage(&expr)),
            }
        }
        _ => predicate("reference", expr).map(|condition| Reference::Rows(Box::new(condition))),
    }
}

fn baseline_usage(expr: &Expr) -> Error {
    Error::invalid(format!("reference => baseline('name') takes the name alone, got {expr}"))
}

/// A condition, as an expression or as text.
fn predicate(argument: &str, expr: Expr) -> Result<Expr> {
    let Some(text) = text(&expr) else { return Ok(expr) };
    Cursor::new(text)
        .and_then(Cursor::expression)
        .map_err(|error| Error::new(error.kind(), format!("{argument} => '{text}': {error}")))
}

/// Names of columns, divided by commas.
fn names(argument: &str, expr: &Expr) -> Result<Vec<String>> {
    let Some(text) = text(expr) else {
        return Err(Error::invalid(format!(
            "{argument} are names divided by commas in single quotes, as in {argument} => 'a, b'; got {expr}"
        )));
    };
    let in_argument = |error: Error| Error::new(error.kind(), format!("{argument} => '{text}': {error}"));
    let mut cursor = Cursor::new(text).map_err(in_argument)?;
    let mut names: Vec<String> = vec![];
    loop {
        let name = cursor.identifier("the name of a column").map_err(in_argument)?;
        if names.contains(&name) {
            return Err(Error::invalid(format!("{argument} => '{text}': \"{name}\" is named twice")));
        }
        names.push(name);
        if !cursor.accept_symbol(&Token::Comma) {
            break;
        }
    }
    cursor.end().map_err(in_argument)?;
    Ok(names)
}
