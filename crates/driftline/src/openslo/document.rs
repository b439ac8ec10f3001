//! The documents of OpenSLO v1, and an SLO as a statement.

use std::collections::HashMap;

use super::OURS;
use super::duration::Duration;
use super::fields::Fields;
use super::node::Node;
use super::policy::{self, Policy};
use super::sli::{self, Sli};
use crate::error::{Error, Result};
use crate::slo::{Calendar, Definition, Judged, Period, Source, Span, Timeslices, Unit};
use crate::sql::{parse_slo, parse_starting};

pub(super) const VERSION: &str = "openslo/v1";
/// The annotation that says what OpenSLO has no words for: the whole definition.
pub(super) const DEFINITION: &str = "driftline.dev/definition";
/// The annotation of a name that OpenSLO does not take.
pub(super) const NAME: &str = "driftline.dev/name";
/// Longest description.
const DESCRIPTION_CHARACTERS_MAX: usize = 1_050;
const NAME_CHARACTERS_MAX: usize = 63;

/// Documents of one kind by their names, each with its file.
pub(super) type Named<'a> = HashMap<String, (&'a str, &'a Node)>;

/// What the documents of all files say, by kind and name.
#[derive(Default)]
pub(super) struct Library<'a> {
    pub(super) indicators: Named<'a>,
    pub(super) sources: Named<'a>,
    pub(super) policies: Named<'a>,
    pub(super) conditions: Named<'a>,
    pub(super) targets: Named<'a>,
    pub(super) services: Named<'a>,
    pub(super) slos: Vec<(&'a str, &'a Node)>,
}

/// An SLO out of a file.
#[derive(Debug)]
pub(super) struct Slo {
    pub(super) name: String,
    pub(super) definition: Definition,
    pub(super) policies: Vec<Policy>,
    /// The document, with everything in it that it refers to.
    pub(super) document: Node,
    pub(super) notes: Vec<String>,
}

impl<'a> Library<'a> {
    /// Takes a document in, and checks what is common to all kinds.
    pub(super) fn add(&mut self, file: &'a str, document: &'a Node) -> Result<()> {
        let mut fields = Fields::of(file, "", document)?;
        let version = fields.text("apiVersion")?;
        if version != VERSION {
            return Err(fields.wrong("apiVersion", &format!("expected {VERSION}, found {version}")));
        }
        let kind = fields.text("kind")?;
        let (name, _) = metadata(&mut fields)?;
        fields.optional("spec");
        let by_name = match kind.as_str() {
            "SLO" => {
                fields.end()?;
                self.slos.push((file, document));
                return Ok(());
            }
            "SLI" => &mut self.indicators,
            "DataSource" => {
                check_source(&mut fields)?;
                &mut self.sources
            }
            "AlertPolicy" => &mut self.policies,
            "AlertCondition" => &mut self.conditions,
            "AlertNotificationTarget" => {
                policy::target(&mut fields)?;
                &mut self.targets
            }
            "Service" => {
                let mut spec = fields.optional_object("spec")?;
                if let Some(spec) = &mut spec {
                    description(spec)?;
                }
                spec.map_or(Ok(()), Fields::end)?;
                &mut self.services
            }
            other => {
                let kinds =
                    "DataSource, SLO, SLI, AlertPolicy, AlertCondition, AlertNotificationTarget or Service";
                return Err(fields.wrong("kind", &format!("expected {kinds}, found {other}")));
            }
        };
        if by_name.insert(name.clone(), (file, document)).is_some() {
            return Err(fields.wrong("metadata", &format!("there is another {kind} of the name {name}")));
        }
        fields.end()
    }

    /// An SLO as a definition: one for each of its objectives.
    pub(super) fn slo(&self, file: &'a str, document: &'a Node) -> Result<Vec<Slo>> {
        let mut fields = Fields::of(file, "", document)?;
        for name in ["apiVersion", "kind"] {
            fields.optional(name);
        }
        let (name, annotations) = metadata(&mut fields)?;
        let named = annotations.iter().find(|(key, _)| key == NAME).map(|(_, name)| name.clone());
        let name = named.unwrap_or(name);
        let mut spec = fields.object("spec")?;
        description(&mut spec)?;
        spec.text("service")?;
        let mut notes = vec![];
        let (period, short) = period(&mut spec)?;
        notes.extend(short);
        let sli = match (spec.optional_object("indicator")?, spec.optional_text("indicatorRef")?) {
            (Some(_), Some(_)) => {
                return Err(spec.wrong("indicatorRef", "indicator and indicatorRef exclude each other"));
            }
            (Some(inline), None) => Some(sli::inline(inline, self)?),
            (None, Some(reference)) => Some(self.indicator(&spec, &reference)?),
            (None, None) => None,
        };
        let method = spec.text("budgetingMethod")?;
        let objectives = spec.objects("objectives")?;
        if objectives.is_empty() {
            return Err(spec.wrong("objectives", "an SLO has at least one objective"));
        }
        let policies = policy::read(&mut spec, self, &mut notes)?;
        let count = objectives.len();
        let mut found = vec![];
        for (nth, mut objective) in objectives.into_iter().enumerate() {
            for composite in ["indicator", "indicatorRef", "compositeWeight"] {
                if objective.optional(composite).is_some() {
                    return Err(objective
                        .wrong(composite, "composite SLOs are not supported: write an SLO for each part"));
                }
            }
            let Some(sli) = &sli else {
                return Err(spec.wrong("indicator", "this field is missing"));
            };
            let definition = definition(&mut objective, &spec, sli, &method, period.clone())?;
            objective.optional_text("displayName")?;
            objective.end()?;
            let name = if count == 1 { name.clone() } else { format!("{name}-{}", nth + 1) };
            let definition = ours(&fields, &annotations, definition)?;
            found.push(Slo {
                name,
                definition,
                policies: policies.clone(),
                document: Node::default(),
                notes: notes.clone(),
            });
        }
        spec.end()?;
        fields.end()?;
        let resolved = self.resolved(document);
        let count = found.len();
        for (nth, slo) in found.iter_mut().enumerate() {
            slo.document = if count == 1 {
                resolved.clone()
            } else {
                super::export::with_one_objective(&resolved, &slo.name, nth)
            };
        }
        Ok(found)
    }

    fn indicator(&self, spec: &Fields<'a>, name: &str) -> Result<Sli> {
        match self.indicators.get(name) {
            Some((file, document)) => sli::document(file, document, self),
            None => {
                Err(spec.wrong("indicatorRef", &format!("none of the files has an SLI of the name {name}")))
            }
        }
    }

    /// The document with its SLI, sources and policies in the place of references, so that it stands alone.
    fn resolved(&self, document: &Node) -> Node {
        super::export::resolved(document, self)
    }
}

/// Name and annotations.
pub(super) fn metadata(fields: &mut Fields<'_>) -> Result<(String, Vec<(String, String)>)> {
    let mut metadata = fields.object("metadata")?;
    let name = metadata.text("name")?;
    let is_plain =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    let is_edge =
        |character: Option<char>| character.is_some_and(|character| character.is_ascii_alphanumeric());
    let is_legal = name.len() <= NAME_CHARACTERS_MAX
        && name.chars().all(is_plain)
        && is_edge(name.chars().next())
        && is_edge(name.chars().next_back());
    if !is_legal {
        let message = format!(
            "a name has at most {NAME_CHARACTERS_MAX} of a-z, 0-9 and -, and begins and ends with one of a-z and 0-9, found {name}"
        );
        return Err(metadata.wrong("name", &message));
    }
    metadata.optional_text("displayName")?;
    metadata.texts("labels")?;
    let annotations = metadata.texts("annotations")?;
    metadata.end()?;
    Ok((name, annotations))
}

pub(super) fn description(spec: &mut Fields<'_>) -> Result<()> {
    match spec.optional_text("description")? {
        Some(text) if text.chars().count() > DESCRIPTION_CHARACTERS_MAX => Err(spec.wrong(
            "description",
            &format!("a description has at most {DESCRIPTION_CHARACTERS_MAX} characters"),
        )),
        _ => Ok(()),
    }
}

/// A data source of ours: other ones have queries that are not SQL.
fn check_source(fields: &mut Fields<'_>) -> Result<()> {
    let mut spec = fields.object("spec")?;
    description(&mut spec)?;
    let kind = spec.text("type")?;
    if !kind.eq_ignore_ascii_case(sli::SOURCE_TYPE) {
        let message = format!(
            "only data sources of the type {} can be asked, whose queries are SQL, found {kind}",
            sli::SOURCE_TYPE
        );
        return Err(spec.wrong("type", &message));
    }
    // where the database is, is for who applies the file to say
    spec.optional("connectionDetails");
    spec.end()
}

/// The period of the budget, and what is odd about it.
fn period(spec: &mut Fields<'_>) -> Result<(Period, Option<String>)> {
    let mut windows = spec.objects("timeWindow")?;
    if windows.len() != 1 {
        return Err(
            spec.wrong("timeWindow", &format!("an SLO has exactly one window, found {}", windows.len()))
        );
    }
    let mut window = windows.remove(0);
    let text = window.text("duration")?;
    let wrong = || "a duration is a whole number and one of m (minutes), h, d, w, M (months), Q, Y";
    let duration = Duration::parse(&text)
        .ok_or_else(|| window.wrong("duration", &format!("{}, found {text}", wrong())))?;
    let is_rolling = window.optional_bool("isRolling")?;
    let calendar = window.optional_object("calendar")?;
    let period = match (calendar, is_rolling) {
        (Some(_), Some(true)) => {
            return Err(window.wrong("isRolling", "a window of the calendar is not rolling"));
        }
        (None, Some(false)) => {
            return Err(window.wrong("calendar", "a window that is not rolling has a calendar"));
        }
        (None, _) => match duration {
            Duration::Minutes(minutes) => Period::new(span(&window, minutes)?, None),
            Duration::Units(..) => {
                return Err(window
                    .wrong("duration", &format!("a rolling window has a fixed length: say {text} in days")));
            }
        },
        (Some(mut calendar), _) => {
            let start = calendar.text("startTime")?;
            let starting =
                parse_starting(&start).map_err(|error| calendar.wrong("startTime", &error.to_string()))?;
            let zone = calendar.text("timeZone")?;
            let (minutes, unit) = match duration {
                Duration::Minutes(1_440) => (1_440, Unit::Day),
                Duration::Minutes(10_080) => (10_080, Unit::Week),
                Duration::Units(1, Unit::Month) => (30 * 1_440, Unit::Month),
                Duration::Units(1, Unit::Quarter) => (90 * 1_440, Unit::Quarter),
                Duration::Units(1, Unit::Year) => (365 * 1_440, Unit::Year),
                _ => {
                    let message = format!("a window of the calendar is 1d, 1w, 1M, 1Q or 1Y, found {text}");
                    return Err(window.wrong("duration", &message));
                }
            };
            let period =
                Period::new(span(&window, minutes)?, Some(Calendar { unit, zone, starting: Some(starting) }));
            let period = period.map_err(|error| calendar.wrong("timeZone", &error.to_string()))?;
            calendar.end()?;
            Ok(period)
        }
    }?;
    let short = matches!(duration, Duration::Minutes(minutes) if minutes < 60)
        .then(|| format!("the window {text} is minutes: were months meant ({})?", text.replace('m', "M")));
    window.end()?;
    Ok((period, short))
}

fn span(window: &Fields<'_>, minutes: i64) -> Result<Span> {
    let text = format!("{minutes} minutes");
    Span::parse("duration", &text).map_err(|error| window.wrong("duration", &error.to_string()))
}

/// One objective of an SLO.
fn definition(
    objective: &mut Fields<'_>,
    spec: &Fields<'_>,
    sli: &Sli,
    method: &str,
    period: Period,
) -> Result<Definition> {
    let share = objective.optional_number("target")?;
    let percent = objective.optional_number("targetPercent")?;
    let target = match (share, percent) {
        (Some(_), Some(_)) => {
            return Err(objective.wrong("targetPercent", "target and targetPercent exclude each other"));
        }
        (Some(share), None) => share,
        (None, Some(percent)) => of_percent(percent),
        (None, None) => return Err(objective.wrong("target", "this field is missing")),
    };
    if !(target > 0.0 && target < 1.0) {
        let name = if share.is_some() { "target" } else { "targetPercent" };
        let range = if share.is_some() { "(0, 1)" } else { "(0, 100)" };
        return Err(
            objective.wrong(name, &format!("a target lies in {range}: without a budget nothing can be said"))
        );
    }
    let slice = objective.optional_text("timeSliceWindow")?;
    let slice_target = objective.optional_number("timeSliceTarget")?;
    let timeslices = match (method, slice_target) {
        ("Occurrences", _) if slice.is_some() || slice_target.is_some() => {
            let name = if slice.is_some() { "timeSliceWindow" } else { "timeSliceTarget" };
            return Err(objective.wrong(name, "budgetingMethod Occurrences has no slices of time"));
        }
        ("Occurrences", _) => None,
        ("Timeslices", Some(target)) if target > 0.0 && target <= 1.0 => Some(Judged::Target(target)),
        ("Timeslices", Some(_)) => return Err(objective.wrong("timeSliceTarget", "it lies in (0, 1]")),
        ("Timeslices", None) => return Err(objective.wrong("timeSliceTarget", "this field is missing")),
        ("RatioTimeslices", None) => Some(Judged::Mean),
        ("RatioTimeslices", Some(_)) => {
            return Err(
                objective.wrong("timeSliceTarget", "budgetingMethod RatioTimeslices has no target of slices")
            );
        }
        (other, _) => {
            let methods = "Occurrences, Timeslices or RatioTimeslices";
            return Err(spec.wrong("budgetingMethod", &format!("expected {methods}, found {other}")));
        }
    };
    let timeslices = match timeslices {
        None => None,
        Some(judged) => {
            let slice = slice.ok_or_else(|| objective.wrong("timeSliceWindow", "this field is missing"))?;
            Some(Timeslices { length: slice_length(objective, &slice)?, judged })
        }
    };
    let (query, good, weight) = sli.rows(objective)?;
    Ok(Definition {
        source: Source::Query(query),
        eligible: None,
        good,
        weight,
        objective: target,
        period,
        timeslices,
        group_by: vec![],
        maturity: None,
        min_events: None,
        alerts: None,
    })
}

/// A duration, or a number of minutes.
fn slice_length(objective: &Fields<'_>, text: &str) -> Result<Span> {
    let minutes = match (Duration::parse(text), text.parse::<i64>()) {
        (Some(Duration::Minutes(minutes)), _) | (None, Ok(minutes)) => minutes,
        _ => {
            return Err(objective
                .wrong("timeSliceWindow", &format!("a slice is minutes or hours, as in 1m, found {text}")));
        }
    };
    let parsed = Span::parse("timeSliceWindow", &format!("{minutes} minutes"));
    let length = parsed.map_err(|error| objective.wrong("timeSliceWindow", &error.to_string()))?;
    match 1_440 % length.minutes() {
        0 => Ok(length),
        _ => Err(objective.wrong("timeSliceWindow", "slices divide a day, so that all days have the same")),
    }
}

/// 99.9 as 0.999: the nearest number of twelve places.
pub(super) fn of_percent(percent: f64) -> f64 {
    format!("{:.12}", percent / 100.0).parse().unwrap_or(percent / 100.0)
}

/// The definition of our own annotation, where there is one; what OpenSLO can say must agree with it.
fn ours(
    fields: &Fields<'_>,
    annotations: &[(String, String)],
    of_document: Definition,
) -> Result<Definition> {
    if let Some((unknown, _)) = annotations
        .iter()
        .find(|(name, _)| name.starts_with(OURS) && ![DEFINITION, NAME].contains(&name.as_str()))
    {
        return Err(fields.wrong("metadata", &format!("there is no annotation {unknown}")));
    }
    let Some((_, text)) = annotations.iter().find(|(name, _)| name == DEFINITION) else {
        return Ok(of_document);
    };
    let ours =
        parse_slo(text).map_err(|error| fields.wrong("metadata", &format!("{DEFINITION}: {error}")))?;
    let agrees = ours.objective == of_document.objective
        && ours.period.says_the_same(&of_document.period)
        && ours.timeslices == of_document.timeslices;
    match agrees {
        true => Ok(ours),
        false => {
            let message = format!(
                "the annotation {DEFINITION} has another target, window or slices than spec: change both, or leave it out"
            );
            Err(fields.wrong("metadata", &message))
        }
    }
}

/// An error about a whole file.
pub(super) fn in_file(file: &str, error: Error) -> Error {
    Error::new(error.kind(), format!("{file}: {error}"))
}
