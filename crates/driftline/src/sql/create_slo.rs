//! `CREATE [OR REPLACE] SLO [IF NOT EXISTS] name ON table | (query) [WHERE eligible] GOOD WHEN condition [WEIGHT number] OBJECTIVE 0.999 WINDOW '30 days'
//! [CALENDAR MONTH IN 'zone' [STARTING 'local time']] [TIMESLICES '1 minute' TARGET 0.95 | MEAN] [GROUP BY columns] [MATURITY '3 days'] [MIN EVENTS n]
//! [ALERT NONE | PAGE share IN 'window', ... TICKET share IN 'window', ...]`

use chrono::{NaiveDateTime, Timelike};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result};
use crate::slo::{
    Calendar, Counting, Definition, Judged, Period, Rule, SLO, STARTING_FORMAT, Severity, Source, Span,
    Timeslices, Unit,
};
use crate::stream::QueryStream;

/// Longest name, in bytes: it is in every root.
const NAME_BYTES_MAX: usize = 128;
/// Most columns of GROUP BY.
const GROUP_COLUMNS_MAX: usize = 8;
/// Most rules of one severity.
const RULES_MAX: usize = 16;
/// Slices divide the day, so that all days have the same.
const DAY_MINUTES: i64 = 1_440;

/// A parsed `CREATE SLO`.
#[derive(Debug)]
pub(crate) struct CreateSlo {
    pub(super) name: String,
    replace: bool,
    if_not_exists: bool,
    definition: Definition,
}

impl CreateSlo {
    pub(super) fn parse(mut cursor: Cursor<'_>, replace: bool) -> Result<Self> {
        let if_not_exists = cursor.accept(&["IF", "NOT", "EXISTS"]);
        if replace && if_not_exists {
            return Err(Error::invalid("OR REPLACE and IF NOT EXISTS exclude each other"));
        }
        let name = cursor.identifier("the name of the SLO")?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let message = format!("the name of an SLO has 1 to {NAME_BYTES_MAX} bytes, got {}", name.len());
            return Err(Error::invalid(message));
        }
        let definition = parse_definition(cursor)?;
        Ok(Self { name, replace, if_not_exists, definition })
    }

    /// How its events are counted; fails as the statement itself does.
    pub(super) async fn describe(&self, context: &QueryContext) -> Result<String> {
        let counting = Counting::plan(&self.definition, &context.relations().for_slo()).await?;
        let how = match &counting.by_row {
            Some(by_row) => {
                format!("rows of {} judged one by one: each segment is counted once", by_row.table)
            }
            None => "no rows of one table judged one by one: the period is counted each time".to_owned(),
        };
        Ok(format!("create SLO {}: {how}\n{}", self.name, counting.plan))
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        let name = &self.name;
        let exists = context.snapshot().definition(SLO, name).is_some();
        if exists && !self.replace {
            let message = format!("SLO \"{name}\" exists already");
            return match self.if_not_exists {
                true => super::status(message),
                false => Err(Error::new(ErrorKind::AlreadyExists, message)),
            };
        }
        // with the rights of who makes it: later everybody who may name it sees its counts
        Counting::plan(&self.definition, &context.relations().for_slo()).await?;
        let text = self.definition.to_string();
        context.engine().storage().put_definition(SLO, name, &text, self.replace).await?;
        context.engine().slos().forget(name);
        let verb = if exists { "replaced" } else { "created" };
        let lint = self.definition.lint();
        let noted = if lint.is_empty() { String::new() } else { format!("; note: {}", lint.join("; ")) };
        super::status(format!("{verb} SLO \"{name}\"{noted}"))
    }
}

/// Reads what the manifest keeps of an SLO.
pub(crate) fn parse_slo(text: &str) -> Result<Definition> {
    parse_definition(Cursor::new(text)?)
}

fn parse_definition(mut cursor: Cursor<'_>) -> Result<Definition> {
    cursor.expect(&["ON"])?;
    let source = match cursor.accept_symbol(&Token::LParen) {
        true => {
            let query = cursor.query()?;
            cursor.expect_symbol(&Token::RParen)?;
            Source::Query(query)
        }
        false => {
            Source::Relation(cursor.identifier("the name of a table or view, or a query in parentheses")?)
        }
    };
    let eligible = match cursor.accept(&["WHERE"]) {
        true => Some(cursor.leading_expression()?),
        false => None,
    };
    cursor.expect(&["GOOD", "WHEN"])?;
    let good = cursor.leading_expression()?;
    let weight = match cursor.accept(&["WEIGHT"]) {
        true => Some(cursor.leading_expression()?),
        false => None,
    };
    cursor.expect(&["OBJECTIVE"])?;
    let objective = parse_objective(&mut cursor)?;
    cursor.expect(&["WINDOW"])?;
    let length = span(&mut cursor, "WINDOW")?;
    let calendar = match cursor.accept(&["CALENDAR"]) {
        true => Some(parse_calendar(&mut cursor)?),
        false => None,
    };
    let period = Period::new(length, calendar)?;
    let timeslices = match cursor.accept(&["TIMESLICES"]) {
        true => Some(parse_timeslices(&mut cursor)?),
        false => None,
    };
    check_slices(&period, timeslices)?;
    let group_by = match cursor.accept(&["GROUP", "BY"]) {
        true => parse_columns(&mut cursor)?,
        false => vec![],
    };
    let maturity = match cursor.accept(&["MATURITY"]) {
        true => Some(span(&mut cursor, "MATURITY")?),
        false => None,
    };
    let min_events = match cursor.accept(&["MIN", "EVENTS"]) {
        true => {
            let events = cursor.integer("a number of bad events")?;
            let events = u64::try_from(events).ok().filter(|events| *events > 0);
            Some(events.ok_or_else(|| Error::invalid("MIN EVENTS takes a number above 0"))?)
        }
        false => None,
    };
    let alerts = match cursor.accept(&["ALERT"]) {
        true => Some(parse_alerts(&mut cursor, length)?),
        false => None,
    };
    cursor.end()?;
    let definition = Definition {
        source,
        eligible,
        good,
        weight,
        objective,
        period,
        timeslices,
        group_by,
        maturity,
        min_events,
        alerts,
    };
    Ok(definition)
}

/// A share in (0, 1). A percentage is the common slip, so the message says which share it may mean.
fn parse_objective(cursor: &mut Cursor<'_>) -> Result<f64> {
    let objective = cursor.number("the share of good events aimed at, as in 0.999")?;
    if objective > 0.0 && objective < 1.0 {
        return Ok(objective);
    }
    let share = format!("{:.12}", objective / 100.0);
    let hint = match objective > 1.0 && objective < 100.0 {
        true => format!(" (did you mean {}?)", share.trim_end_matches('0')),
        false => String::new(),
    };
    Err(Error::invalid(format!("OBJECTIVE must lie in (0, 1), got {objective}{hint}")))
}

fn parse_calendar(cursor: &mut Cursor<'_>) -> Result<Calendar> {
    let unit = Unit::ALL.into_iter().find(|unit| cursor.accept(&[unit.word()]));
    let unit = unit.ok_or_else(|| cursor.unexpected("DAY, WEEK, MONTH, QUARTER or YEAR"))?;
    cursor.expect(&["IN"])?;
    let zone = cursor.text("a time zone")?;
    let starting = match cursor.accept(&["STARTING"]) {
        true => Some(parse_starting(&cursor.text("a local time, as in '2026-01-15 09:00:00',")?)?),
        false => None,
    };
    Ok(Calendar { unit, zone, starting })
}

/// A local time of whole minutes.
pub(crate) fn parse_starting(text: &str) -> Result<NaiveDateTime> {
    let parsed = NaiveDateTime::parse_from_str(text, STARTING_FORMAT).ok();
    parsed.filter(|starting| starting.second() == 0).ok_or_else(|| {
        Error::invalid(format!(
            "STARTING is a local time of a whole minute, as in '2026-01-15 09:00:00', got '{text}'"
        ))
    })
}

/// Slices are counted from midnight UTC: a period begins with one, or the one that it begins in would belong to none.
fn check_slices(period: &Period, timeslices: Option<Timeslices>) -> Result<()> {
    match timeslices {
        Some(Timeslices { length, .. }) if !period.begins_with(length)? => Err(Error::invalid(format!(
            "a period of WINDOW {period} would begin inside of a slice of '{length}': slices are counted from midnight UTC, so take shorter ones"
        ))),
        _ => Ok(()),
    }
}

fn parse_timeslices(cursor: &mut Cursor<'_>) -> Result<Timeslices> {
    let length = span(cursor, "TIMESLICES")?;
    if DAY_MINUTES % length.minutes() != 0 {
        return Err(Error::invalid(format!("TIMESLICES must divide a day, got '{length}'")));
    }
    if cursor.accept(&["MEAN"]) {
        return Ok(Timeslices { length, judged: Judged::Mean });
    }
    if !cursor.accept(&["TARGET"]) {
        return Err(cursor.unexpected("TARGET or MEAN"));
    }
    let target = cursor.number("the share of good events that makes a slice good")?;
    match target > 0.0 && target <= 1.0 {
        true => Ok(Timeslices { length, judged: Judged::Target(target) }),
        false => Err(Error::invalid(format!("TARGET must lie in (0, 1], got {target}"))),
    }
}

fn parse_columns(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut columns: Vec<String> = vec![];
    loop {
        let column = cursor.identifier("the name of a column")?;
        if columns.contains(&column) {
            return Err(Error::invalid(format!("GROUP BY names \"{column}\" twice")));
        }
        columns.push(column);
        if !cursor.accept_symbol(&Token::Comma) {
            break;
        }
    }
    match columns.len() <= GROUP_COLUMNS_MAX {
        true => Ok(columns),
        false => Err(Error::invalid(format!("GROUP BY of an SLO has at most {GROUP_COLUMNS_MAX} columns"))),
    }
}

fn parse_alerts(cursor: &mut Cursor<'_>, period: Span) -> Result<Vec<Rule>> {
    if cursor.accept(&["NONE"]) {
        return Ok(vec![]);
    }
    let mut rules = vec![];
    for severity in [Severity::Page, Severity::Ticket] {
        if !cursor.accept(&[severity.word()]) {
            continue;
        }
        let before = rules.len();
        loop {
            rules.push(parse_rule(cursor, severity, period)?);
            if !cursor.accept_symbol(&Token::Comma) {
                break;
            }
        }
        if rules.len() - before > RULES_MAX {
            return Err(Error::invalid(format!("{} has at most {RULES_MAX} rules", severity.word())));
        }
    }
    match rules.is_empty() {
        true => Err(cursor
            .unexpected("NONE, PAGE or TICKET, as in ALERT PAGE 0.02 IN '1 hour' TICKET 0.1 IN '3 days'")),
        false => Ok(rules),
    }
}

fn parse_rule(cursor: &mut Cursor<'_>, severity: Severity, period: Span) -> Result<Rule> {
    let budget_share = cursor.number("a share of the error budget, as in 0.02")?;
    if !(budget_share > 0.0 && budget_share <= 1.0) {
        let message = format!("the share of the budget of an alert must lie in (0, 1], got {budget_share}");
        return Err(Error::invalid(message));
    }
    cursor.expect(&["IN"])?;
    let long = span(cursor, "the window of an alert")?;
    match long < period {
        true => Ok(Rule { severity, budget_share, long }),
        false => Err(Error::invalid(format!(
            "the window of an alert, '{long}', must be shorter than WINDOW '{period}'"
        ))),
    }
}

fn span(cursor: &mut Cursor<'_>, what: &str) -> Result<Span> {
    Span::parse(what, &cursor.text("a length of time, as in '30 days',")?)
}
