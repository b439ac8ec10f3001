//! Sloth's SLOs, `version: prometheus/v1`, where their queries are SQL: a good many teams have them already. `error_query` and `total_query` answer a
//! row an event; Sloth's template of windows means nothing in SQL, and is an error.

use super::apply::says;
use super::document::{Slo, of_percent};
use super::fields::Fields;
use super::node::Node;
use super::policy::literal;
use super::sli::Sli;
use crate::error::Result;
use crate::slo::{Definition, Period, Source, Span};
use crate::sql::quoted;

const VERSION: &str = "prometheus/v1";
/// Sloth's period where nothing says another.
const PERIOD: &str = "30 days";

pub(super) fn is_sloth(document: &Node) -> bool {
    says(document, "version", VERSION)
}

/// The SLOs of a document, each with the statement of its alert.
pub(super) fn slos(file: &str, document: &Node) -> Result<Vec<(Slo, Option<String>)>> {
    let mut fields = Fields::of(file, "", document)?;
    fields.optional("version");
    let service = fields.text("service")?;
    let common = fields.texts("labels")?;
    let mut found = vec![];
    for mut slo in fields.objects("slos")? {
        let (mut one, alert) = one(&mut slo, &service, &common)?;
        // a file of its own, so that it leaves as one
        let labels = document.get("labels").map(|labels| ("labels", labels.clone()));
        let parts =
            [("version", Node::text(VERSION)), ("service", Node::text(&service))].into_iter().chain(labels);
        one.document = Node::map(parts.chain([("slos", Node::list(vec![slo.node().clone()]))]));
        found.push((one, alert));
        slo.end()?;
    }
    if found.is_empty() {
        return Err(fields.wrong("slos", "there is no SLO"));
    }
    fields.end()?;
    Ok(found)
}

fn one(slo: &mut Fields<'_>, service: &str, common: &[(String, String)]) -> Result<(Slo, Option<String>)> {
    // as Sloth names them
    let name = format!("{service}-{}", slo.text("name")?);
    let percent =
        slo.optional_number("objective")?.ok_or_else(|| slo.wrong("objective", "this field is missing"))?;
    if !(percent > 0.0 && percent < 100.0) {
        return Err(slo.wrong("objective", "an objective lies in (0, 100)"));
    }
    slo.optional_text("description")?;
    let labels = slo.texts("labels")?;
    let sli = sli(slo.object("sli")?)?;
    let (query, good, weight) = sli;
    let definition = Definition {
        source: Source::Query(query),
        eligible: None,
        good,
        weight,
        objective: of_percent(percent),
        period: Period::new(Span::parse("the period", PERIOD)?, None)?,
        timeslices: None,
        group_by: vec![],
        maturity: None,
        min_events: None,
        alerts: None,
    };
    let alert = match slo.optional_object("alerting")? {
        None => None,
        Some(alerting) => alerting_of(alerting, &name, service, [common, &labels].concat())?,
    };
    Ok((Slo { name, definition, policies: vec![], document: Node::default(), notes: vec![] }, alert))
}

fn sli(mut sli: Fields<'_>) -> Result<(String, String, Option<String>)> {
    if sli.optional("plugin").is_some() {
        return Err(sli.wrong("plugin", "plugins make queries of Prometheus, which are not SQL"));
    }
    let found = match (sli.optional_object("events")?, sli.optional_object("raw")?) {
        (Some(mut events), None) => {
            let (bad, total) = (query(&mut events, "error_query")?, query(&mut events, "total_query")?);
            events.end()?;
            Sli::of_bad(bad, total)
        }
        (None, Some(mut raw)) => {
            let query = query(&mut raw, "error_ratio_query")?;
            raw.end()?;
            Sli::Raw { query, is_success: false }
        }
        _ => return Err(sli.wrong("events", "an SLI has either events or raw")),
    };
    let rows = found.plain_rows();
    sli.end()?;
    Ok(rows)
}

fn query(fields: &mut Fields<'_>, name: &'static str) -> Result<String> {
    let query = fields.text(name)?;
    if query.contains("{{.") {
        return Err(
            fields.wrong(name, "the query is SQL that answers a row an event: it has no template of windows")
        );
    }
    Ok(query.trim().trim_end_matches(';').trim_end().to_owned())
}

/// The alert of both severities, or of the one that is not disabled.
fn alerting_of(
    mut alerting: Fields<'_>,
    slo: &str,
    service: &str,
    labels: Vec<(String, String)>,
) -> Result<Option<String>> {
    let name = alerting.optional_text("name")?.unwrap_or_else(|| slo.to_owned());
    let mut all = labels;
    all.push(("service".to_owned(), service.to_owned()));
    all.extend(alerting.texts("labels")?);
    let annotations = alerting.texts("annotations")?;
    let mut enabled = vec![];
    for (field, severity) in [("page_alert", "page"), ("ticket_alert", "ticket")] {
        let Some(mut of_severity) = alerting.optional_object(field)? else {
            enabled.push(severity);
            continue;
        };
        if of_severity.optional_bool("disable")? != Some(true) {
            enabled.push(severity);
        }
        for what in ["labels", "annotations"] {
            if !of_severity.texts(what)?.is_empty() {
                return Err(
                    of_severity.wrong(what, "both severities are one alert here: give it to alerting itself")
                );
            }
        }
        of_severity.end()?;
    }
    alerting.end()?;
    let when = match enabled.as_slice() {
        [] => return Ok(None),
        [only] => format!(" WHEN fires AND severity = '{only}'"),
        _ => String::new(),
    };
    let clause = |word: &str, pairs: &[(String, String)]| {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, text)| format!("{} = {}", quoted(name), literal(text))).collect();
        if pairs.is_empty() { String::new() } else { format!(" {word} ({})", pairs.join(", ")) }
    };
    // the last of two labels of a name counts, as in Sloth
    let mut last: Vec<(String, String)> = vec![];
    for pair in all {
        last.retain(|known| known.0 != pair.0);
        last.push(pair);
    }
    let (labels, annotations) = (clause("LABELS", &last), clause("ANNOTATIONS", &annotations));
    Ok(Some(format!(
        "CREATE OR REPLACE ALERT {}{when}{labels}{annotations} ON SLO {}",
        quoted(&name),
        quoted(slo)
    )))
}
