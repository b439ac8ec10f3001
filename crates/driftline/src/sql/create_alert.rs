//! `CREATE [OR REPLACE] ALERT [IF NOT EXISTS] name [EVERY '1 minute'] [FOR '5 minutes'] [KEEP FIRING FOR '10 minutes'] [NO DATA OK | ALERT | KEEP]
//! [WHEN condition] [LABELS (name = 'text', ...)] [ANNOTATIONS (name = 'text', ...)]
//! AS query | ON SLO name | ON BASELINE name OF table [OVER '1 day']`

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::alert::{self, ALERT, Alert, Definition, EVERY_DEFAULT, Length, NoData, Source, Template};
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result};
use crate::stream::QueryStream;

/// Longest name, in bytes: it is in every root, and the label of every series.
const NAME_BYTES_MAX: usize = 128;
/// Most labels, and most annotations.
const PAIRS_MAX: usize = 32;
/// Labels that an alert has by itself.
const RESERVED: [&str; 2] = ["alertname", "no_data"];

/// A parsed `CREATE ALERT`.
#[derive(Debug)]
pub(crate) struct CreateAlert {
    pub(super) name: String,
    replace: bool,
    if_not_exists: bool,
    definition: Definition,
}

impl CreateAlert {
    pub(super) fn parse(mut cursor: Cursor<'_>, replace: bool) -> Result<Self> {
        let if_not_exists = cursor.accept(&["IF", "NOT", "EXISTS"]);
        if replace && if_not_exists {
            return Err(Error::invalid("OR REPLACE and IF NOT EXISTS exclude each other"));
        }
        let name = cursor.identifier("the name of the alert")?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let message = format!("the name of an alert has 1 to {NAME_BYTES_MAX} bytes, got {}", name.len());
            return Err(Error::invalid(message));
        }
        let definition = parse_definition(cursor)?;
        Ok(Self { name, replace, if_not_exists, definition })
    }

    /// What its evaluation asks; fails as the statement itself does.
    pub(super) async fn describe(&self, context: &QueryContext) -> Result<String> {
        let plan = self.check(context).await?;
        let every = self.definition.every;
        let plan = context.state().optimize(&plan)?;
        Ok(format!("create alert {}, evaluated every {every}\n{}", self.name, plan.display_indent()))
    }

    async fn check(&self, context: &QueryContext) -> Result<datafusion::logical_expr::LogicalPlan> {
        // it is asked with all rights: who may name some tables alone could read the others by it, out of what the database says of itself
        if context.relations().settings().tables.is_some() {
            let message =
                "CREATE ALERT needs a session that may name every table: an alert is asked with all rights";
            return Err(Error::new(ErrorKind::PermissionDenied, message));
        }
        // never with files: it is asked when nobody is there
        alert::check(&self.definition, &context.without_files()).await
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        let name = &self.name;
        let exists = context.snapshot().definition(ALERT, name).is_some();
        if exists && !self.replace {
            let message = format!("alert \"{name}\" exists already");
            return match self.if_not_exists {
                true => super::status(message),
                false => Err(Error::new(ErrorKind::AlreadyExists, message)),
            };
        }
        let plan = self.check(context).await?;
        let text = self.definition.to_string();
        context.engine().storage().put_definition(ALERT, name, &text, self.replace).await?;
        let verb = match exists {
            true => {
                alert::end(context.engine(), name).await?;
                "replaced"
            }
            false => "created",
        };
        let note = match alert::can_be_told_apart(&plan) {
            true => "",
            false => {
                "; note: the query answers no text that tells its rows apart: more than one row is an error"
            }
        };
        super::status(format!("{verb} alert \"{name}\"{note}"))
    }
}

/// The alert that a statement would make; `None` where it is no `CREATE ALERT`.
pub(crate) fn alert_of_statement(sql: &str) -> Option<Result<Alert>> {
    let starts = Cursor::new(sql).ok()?.at(&["CREATE"]);
    starts.then(|| match super::Statement::parse(sql)? {
        super::Statement::CreateAlert(CreateAlert { name, definition, .. }) => Ok(Alert { name, definition }),
        _ => Err(Error::invalid("the statement makes no alert: expected CREATE ALERT")),
    })
}

/// Reads what the manifest keeps of an alert.
pub(crate) fn parse_alert(text: &str) -> Result<Definition> {
    parse_definition(Cursor::new(text)?)
}

fn parse_definition(mut cursor: Cursor<'_>) -> Result<Definition> {
    let mut clauses = Clauses::default();
    while clauses.take(&mut cursor)? {}
    let Clauses { every, hold, keep_firing, no_data, when, labels, annotations } = clauses;
    let labels = labels.unwrap_or_default();
    if let Some(reserved) = RESERVED.iter().find(|name| labels.contains_key(**name)) {
        return Err(Error::invalid(format!("the label {reserved} is one that alerts have by themselves")));
    }
    Ok(Definition {
        source: parse_source(cursor)?,
        when,
        every: every.unwrap_or(EVERY_DEFAULT),
        hold: hold.unwrap_or_default(),
        keep_firing: keep_firing.unwrap_or_default(),
        no_data: no_data.unwrap_or_default(),
        labels,
        annotations: annotations.unwrap_or_default(),
    })
}

/// What stands before the query: each clause once, in any order.
#[derive(Default)]
struct Clauses {
    every: Option<Length>,
    hold: Option<Length>,
    keep_firing: Option<Length>,
    no_data: Option<NoData>,
    when: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Clauses {
    /// Takes the next clause; false where there is none.
    fn take(&mut self, cursor: &mut Cursor<'_>) -> Result<bool> {
        let length = |cursor: &mut Cursor<'_>, words: &str, least: i64| {
            Length::parse(words, &cursor.text("a length of time, as in '5 minutes',")?, least)
        };
        if cursor.accept(&["EVERY"]) {
            once(&mut self.every, "EVERY", length(cursor, "EVERY", 1)?)?;
        } else if cursor.accept(&["FOR"]) {
            once(&mut self.hold, "FOR", length(cursor, "FOR", 0)?)?;
        } else if cursor.accept(&["KEEP", "FIRING", "FOR"]) {
            once(&mut self.keep_firing, "KEEP FIRING FOR", length(cursor, "KEEP FIRING FOR", 0)?)?;
        } else if cursor.accept(&["NO", "DATA"]) {
            let found = NoData::ALL.into_iter().find(|choice| cursor.accept(&[choice.word()]));
            once(&mut self.no_data, "NO DATA", found.ok_or_else(|| cursor.unexpected("OK, ALERT or KEEP"))?)?;
        } else if cursor.accept(&["WHEN"]) {
            once(&mut self.when, "WHEN", cursor.leading_expression()?)?;
        } else if cursor.accept(&["LABELS"]) {
            once(&mut self.labels, "LABELS", pairs(cursor, "label")?)?;
        } else if cursor.accept(&["ANNOTATIONS"]) {
            once(&mut self.annotations, "ANNOTATIONS", pairs(cursor, "annotation")?)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn once<T>(place: &mut Option<T>, words: &str, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::invalid(format!("{words} is given twice"))),
    }
}

fn parse_source(mut cursor: Cursor<'_>) -> Result<Source> {
    if cursor.accept(&["AS"]) {
        let query = cursor.rest().to_owned();
        let is_query = ["SELECT", "WITH", "VALUES"].iter().any(|word| cursor.at(&[word]))
            || *cursor.peek() == Token::LParen;
        if !is_query {
            return Err(cursor.unexpected("a query"));
        }
        cursor.delegate()?;
        return Ok(Source::Query(query));
    }
    let source = if cursor.accept(&["ON", "SLO"]) {
        Source::Slo(cursor.identifier("the name of an SLO")?)
    } else if cursor.accept(&["ON", "BASELINE"]) {
        let name = cursor.identifier("the name of a baseline")?;
        cursor.expect(&["OF"])?;
        let table = cursor.identifier("the name of a table or view")?;
        let over = match cursor.accept(&["OVER"]) {
            true => cursor.text("a length of time, as in '1 day',")?,
            false => "1 day".to_owned(),
        };
        Source::Baseline { name, table, over: Length::parse("OVER", &over, 1)? }
    } else {
        return Err(cursor.unexpected("AS query, ON SLO name or ON BASELINE name OF table"));
    };
    cursor.end()?;
    Ok(source)
}

/// `(name = 'text', ...)`; the texts are templates.
fn pairs(cursor: &mut Cursor<'_>, what: &str) -> Result<BTreeMap<String, String>> {
    let mut pairs = BTreeMap::new();
    cursor.expect_symbol(&Token::LParen)?;
    loop {
        let name = cursor.identifier(&format!("the name of the {what}"))?;
        cursor.expect_symbol(&Token::Eq)?;
        let text = cursor.text(&format!("the {what}"))?;
        Template::parse(&text)?;
        if pairs.insert(name.clone(), text).is_some() {
            return Err(Error::invalid(format!("the {what} \"{name}\" is given twice")));
        }
        if !cursor.accept_symbol(&Token::Comma) {
            break;
        }
    }
    cursor.expect_symbol(&Token::RParen)?;
    match pairs.len() <= PAIRS_MAX {
        true => Ok(pairs),
        false => Err(Error::invalid(format!("an alert has at most {PAIRS_MAX} {what}s"))),
    }
}
