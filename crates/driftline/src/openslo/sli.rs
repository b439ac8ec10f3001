//! SLIs as rows: a query with a column `time`, what makes a row good, and for how many events it stands.

use super::document::{Library, metadata};
use super::fields::Fields;
use super::node::Node;
use crate::error::Result;
use crate::sql::quoted;

/// The type of our own data sources.
pub(super) const SOURCE_TYPE: &str = "driftline";

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sli {
    /// Events, the good or the bad ones of them apart.
    Ratio { part: Metric, is_good: bool, total: Metric },
    /// Shares that were made elsewhere, a row each: in `value`, of good or of bad events.
    Raw { query: String, is_success: bool },
    /// Values that are held against the objective's own.
    Threshold { query: String },
}

/// A query of events: a row each, or as many as a column says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Metric {
    query: String,
    count: Option<String>,
}

/// An SLI inside of an SLO.
pub(super) fn inline(mut fields: Fields<'_>, library: &Library<'_>) -> Result<Sli> {
    // the examples of the specification leave it out
    if fields.optional("metadata").is_some() {
        metadata(&mut fields)?;
    }
    let sli = spec(fields.object("spec")?, library)?;
    fields.end()?;
    Ok(sli)
}

/// A document of its own.
pub(super) fn document<'a>(file: &'a str, document: &'a Node, library: &Library<'_>) -> Result<Sli> {
    let mut fields = Fields::of(file, "", document)?;
    for name in ["apiVersion", "kind", "metadata"] {
        fields.optional(name);
    }
    let sli = spec(fields.object("spec")?, library)?;
    fields.end()?;
    Ok(sli)
}

fn spec(mut spec: Fields<'_>, library: &Library<'_>) -> Result<Sli> {
    super::document::description(&mut spec)?;
    let sli = match (spec.optional_object("thresholdMetric")?, spec.optional_object("ratioMetric")?) {
        (Some(mut threshold), None) => {
            let query = source(&mut threshold, library)?.alone(&threshold)?;
            threshold.end()?;
            Sli::Threshold { query }
        }
        (None, Some(ratio)) => ratio_metric(ratio, library)?,
        (Some(_), Some(_)) => {
            return Err(spec.wrong("ratioMetric", "thresholdMetric and ratioMetric exclude each other"));
        }
        (None, None) => {
            return Err(spec.wrong("ratioMetric", "an SLI has a thresholdMetric or a ratioMetric"));
        }
    };
    spec.end()?;
    Ok(sli)
}

fn ratio_metric(mut ratio: Fields<'_>, library: &Library<'_>) -> Result<Sli> {
    let is_counter = ratio.optional_bool("counter")?;
    let raw_type = ratio.optional_text("rawType")?;
    let raw = metric(&mut ratio, "raw", library)?;
    let [good, bad, total] = [
        metric(&mut ratio, "good", library)?,
        metric(&mut ratio, "bad", library)?,
        metric(&mut ratio, "total", library)?,
    ];
    let sli = match (good, bad, total, raw) {
        (None, None, None, Some(raw)) => {
            let is_success = match raw_type.as_deref() {
                Some("success") => true,
                Some("failure") => false,
                Some(other) => {
                    return Err(
                        ratio.wrong("rawType", &format!("expected success or failure, found {other}"))
                    );
                }
                None => return Err(ratio.wrong("rawType", "this field is missing")),
            };
            Sli::Raw { query: raw.alone(&ratio)?, is_success }
        }
        (Some(_), Some(_), ..) => return Err(ratio.wrong("bad", "good and bad exclude each other")),
        (Some(part), None, Some(total), None) => Sli::Ratio { part, is_good: true, total },
        (None, Some(part), Some(total), None) => Sli::Ratio { part, is_good: false, total },
        (.., Some(_)) => return Err(ratio.wrong("raw", "raw excludes good, bad and total")),
        (_, _, None, None) => return Err(ratio.wrong("total", "this field is missing")),
        (None, None, Some(_), None) => return Err(ratio.wrong("good", "one of good and bad is missing")),
    };
    if raw_type.is_some() && !matches!(sli, Sli::Raw { .. }) {
        return Err(ratio.wrong("rawType", "it belongs to raw"));
    }
    if is_counter == Some(true) {
        let message = "counters that only grow are not differenced: let the queries answer rows or counts of events, and say counter: false";
        return Err(ratio.wrong("counter", message));
    }
    ratio.end()?;
    Ok(sli)
}

fn metric(ratio: &mut Fields<'_>, name: &'static str, library: &Library<'_>) -> Result<Option<Metric>> {
    let Some(mut metric) = ratio.optional_object(name)? else { return Ok(None) };
    let found = source(&mut metric, library)?;
    metric.end()?;
    Ok(Some(found))
}

/// The query of a metric source.
fn source(fields: &mut Fields<'_>, library: &Library<'_>) -> Result<Metric> {
    let mut source = fields.object("metricSource")?;
    if let Some(name) = source.optional_text("metricSourceRef")?
        && !library.sources.contains_key(&name)
    {
        return Err(source
            .wrong("metricSourceRef", &format!("none of the files has a DataSource of the name {name}")));
    }
    match source.optional_text("type")? {
        Some(kind) if !kind.eq_ignore_ascii_case(SOURCE_TYPE) => {
            let message = format!(
                "only metrics of the type {SOURCE_TYPE} can be asked, whose queries are SQL, found {kind}"
            );
            return Err(source.wrong("type", &message));
        }
        _ => {}
    }
    let mut spec = source.object("spec")?;
    let query = spec.text("query")?;
    // a closing semicolon is fine
    let query = query.trim().trim_end_matches(';').trim_end().to_owned();
    if query.contains("{{.") {
        return Err(spec.wrong(
            "query",
            "templates are for other systems: a query says a row an event, and windows are ours to say",
        ));
    }
    let count = spec.optional_text("count")?;
    spec.end()?;
    source.end()?;
    Ok(Metric { query, count })
}

impl Metric {
    /// The query of values, which stand for themselves.
    fn alone(self, fields: &Fields<'_>) -> Result<String> {
        match self.count {
            None => Ok(self.query),
            Some(_) => Err(fields.wrong("metricSource", "only events of a ratioMetric have a count")),
        }
    }

    /// Its rows with their number of events.
    fn events(&self) -> String {
        let count = self.count.as_deref().map_or_else(|| "1".to_owned(), quoted);
        format!("SELECT time, CAST({count} AS BIGINT) AS event_count FROM ({}\n) AS counted", self.query)
    }
}

impl Sli {
    /// Bad events and all events, a row each.
    pub(super) fn of_bad(bad: String, total: String) -> Self {
        let [bad, total] = [bad, total].map(|query| Metric { query, count: None });
        Self::Ratio { part: bad, is_good: false, total }
    }

    /// The rows of what is held against no value.
    pub(super) fn plain_rows(&self) -> (String, String, Option<String>) {
        let query = match self {
            Self::Ratio { part, is_good, total } => ratio_rows(part, *is_good, total),
            Self::Raw { query, is_success } => raw_rows(query, *is_success),
            Self::Threshold { query } => query.clone(),
        };
        (query, "good".to_owned(), Some("weight".to_owned()))
    }

    /// The query, the condition that makes a row good, and its weight.
    pub(super) fn rows(&self, objective: &mut Fields<'_>) -> Result<(String, String, Option<String>)> {
        let (op, value) = (objective.optional_text("op")?, objective.optional_number("value")?);
        if !matches!(self, Self::Threshold { .. }) && (op.is_some() || value.is_some()) {
            let name = if op.is_some() { "op" } else { "value" };
            return Err(objective.wrong(name, "only a thresholdMetric is held against a value"));
        }
        match self {
            Self::Ratio { .. } | Self::Raw { .. } => Ok(self.plain_rows()),
            Self::Threshold { query } => {
                let symbol = match op.as_deref() {
                    Some("lte") => "<=",
                    Some("gte") => ">=",
                    Some("lt") => "<",
                    Some("gt") => ">",
                    Some(other) => {
                        return Err(
                            objective.wrong("op", &format!("expected lte, gte, lt or gt, found {other}"))
                        );
                    }
                    None => return Err(objective.wrong("op", "this field is missing")),
                };
                let value = value.ok_or_else(|| objective.wrong("value", "this field is missing"))?;
                Ok((query.clone(), format!("value {symbol} {value:?}"), None))
            }
        }
    }
}

/// Good events and all events as one set of rows: what is good is taken off the others, so that they are what is left.
fn ratio_rows(part: &Metric, is_good: bool, total: &Metric) -> String {
    let counted = |metric: &Metric, good: bool, sign: &str| {
        format!(
            "SELECT time, {good} AS good, {sign}event_count AS weight FROM ({}) AS events",
            metric.events()
        )
    };
    [counted(part, is_good, ""), counted(part, !is_good, "-"), counted(total, !is_good, "")]
        .join(" UNION ALL ")
}

/// A share as a billion parts, of which some are good.
fn raw_rows(query: &str, is_success: bool) -> String {
    let share = if is_success { "value" } else { "1 - value" };
    let parts = format!("CAST(round(({share}) * 1e9) AS BIGINT)");
    format!(
        "SELECT time, true AS good, {parts} AS weight FROM ({query}\n) AS shares WHERE value IS NOT NULL \
         UNION ALL SELECT time, false, 1000000000 - {parts} FROM ({query}\n) AS shares WHERE value IS NOT NULL"
    )
}
