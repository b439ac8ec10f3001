//! Alert policies as alerts. OpenSLO's condition has one window; a second, shorter one, as the workbook wants it, is an annotation of the condition:
//! `driftline.dev/short-window: 5m`.

use super::document::{Library, description, metadata};
use super::duration::Duration;
use super::fields::Fields;
use super::node::Node;
use crate::error::Result;
use crate::sql::quoted;

/// The annotation of the second window.
const SHORT_WINDOW: &str = "driftline.dev/short-window";
/// The windows whose burn rates an SLO has, in minutes.
const WINDOWS: [(i64, &str); 7] =
    [(5, "5m"), (30, "30m"), (60, "1h"), (120, "2h"), (360, "6h"), (1_440, "24h"), (4_320, "3d")];

/// An alert on the burn rate of an SLO.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Policy {
    pub(super) name: String,
    condition: Condition,
    when_no_data: bool,
    when_breaching: bool,
    targets: Vec<String>,
    annotations: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    severity: String,
    operator: &'static str,
    threshold: f64,
    window: &'static str,
    short_window: Option<&'static str>,
    after: Option<String>,
}

/// The policies of an SLO, its own and those that it refers to.
pub(super) fn read<'a>(
    spec: &mut Fields<'a>,
    library: &Library<'a>,
    notes: &mut Vec<String>,
) -> Result<Vec<Policy>> {
    let mut policies: Vec<Policy> = vec![];
    for mut entry in spec.objects("alertPolicies")? {
        let policy = match entry.optional_text("alertPolicyRef")? {
            Some(name) => {
                let missing = || {
                    entry.wrong(
                        "alertPolicyRef",
                        &format!("none of the files has an AlertPolicy of the name {name}"),
                    )
                };
                let (file, document) = library.policies.get(&name).ok_or_else(missing)?;
                let policy = policy(Fields::of(file, "", document)?, library, notes)?;
                entry.end()?;
                policy
            }
            None => policy(entry, library, notes)?,
        };
        if policies.iter().any(|known| known.name == policy.name) {
            return Err(spec.wrong("alertPolicies", &format!("two policies have the name {}", policy.name)));
        }
        policies.push(policy);
    }
    Ok(policies)
}

fn policy<'a>(mut fields: Fields<'a>, library: &Library<'a>, notes: &mut Vec<String>) -> Result<Policy> {
    for name in ["apiVersion", "kind"] {
        fields.optional(name);
    }
    let (name, annotations) = metadata(&mut fields)?;
    known_annotations(&fields, &annotations, &[])?;
    let mut spec = fields.object("spec")?;
    description(&mut spec)?;
    let when_no_data = spec.optional_bool("alertWhenNoData")?.unwrap_or(false);
    let when_breaching = spec.optional_bool("alertWhenBreaching")?.unwrap_or(false);
    if spec.optional_bool("alertWhenResolved")? == Some(false) {
        notes.push(format!("policy {name}: receivers decide whether they tell of what is resolved"));
    }
    let mut conditions = spec.objects("conditions")?;
    if conditions.len() != 1 {
        return Err(spec.wrong(
            "conditions",
            &format!("a policy has exactly one condition, found {}", conditions.len()),
        ));
    }
    let mut entry = conditions.remove(0);
    let condition = match entry.optional_text("conditionRef")? {
        Some(reference) => {
            let missing = || {
                entry.wrong(
                    "conditionRef",
                    &format!("none of the files has an AlertCondition of the name {reference}"),
                )
            };
            let (file, document) = library.conditions.get(&reference).ok_or_else(missing)?;
            let found = condition(Fields::of(file, "", document)?, notes)?;
            entry.end()?;
            found
        }
        None => condition(entry, notes)?,
    };
    let mut targets = vec![];
    for mut entry in spec.objects("notificationTargets")? {
        match entry.optional_text("targetRef")? {
            Some(reference) if library.targets.contains_key(&reference) => {
                targets.push(reference);
                entry.end()?;
            }
            Some(reference) => {
                let message =
                    format!("none of the files has an AlertNotificationTarget of the name {reference}");
                return Err(entry.wrong("targetRef", &message));
            }
            None => {
                let (name, _) = metadata(&mut entry)?;
                entry.optional("kind");
                target(&mut entry)?;
                targets.push(name);
                entry.end()?;
            }
        }
    }
    spec.end()?;
    fields.end()?;
    Ok(Policy { name, condition, when_no_data, when_breaching, targets, annotations })
}

/// Checks a policy that nobody may refer to.
pub(super) fn check_policy<'a>(fields: Fields<'a>, library: &Library<'a>) -> Result<()> {
    policy(fields, library, &mut vec![]).map(drop)
}

/// Checks a condition that nobody may refer to.
pub(super) fn check_condition(fields: Fields<'_>) -> Result<()> {
    condition(fields, &mut vec![]).map(drop)
}

/// What an AlertNotificationTarget says: who is told is for receivers to say, by the label `target`.
pub(super) fn target(fields: &mut Fields<'_>) -> Result<()> {
    let mut spec = fields.object("spec")?;
    spec.text("target")?;
    description(&mut spec)?;
    spec.end()
}

fn condition(mut fields: Fields<'_>, notes: &mut Vec<String>) -> Result<Condition> {
    for name in ["apiVersion", "kind"] {
        fields.optional(name);
    }
    let (name, annotations) = metadata(&mut fields)?;
    let mut spec = fields.object("spec")?;
    description(&mut spec)?;
    let severity = spec.text("severity")?;
    let mut condition = spec.object("condition")?;
    let kind = condition.text("kind")?;
    if kind != "burnrate" {
        return Err(condition.wrong("kind", &format!("expected burnrate, found {kind}")));
    }
    let operator = match condition.text("op")?.as_str() {
        "gt" => ">",
        "gte" => ">=",
        "lt" => "<",
        "lte" => "<=",
        other => return Err(condition.wrong("op", &format!("expected lte, gte, lt or gt, found {other}"))),
    };
    if operator.starts_with('<') {
        notes.push(format!("condition {name}: it fires while the burn rate is low: were gt or gte meant?"));
    }
    let threshold = condition.optional_number("threshold")?;
    let threshold = threshold.ok_or_else(|| condition.wrong("threshold", "this field is missing"))?;
    let text = condition.text("lookbackWindow")?;
    let window = window(&text).ok_or_else(|| condition.wrong("lookbackWindow", &no_window(&text)))?;
    let after = match condition.optional_text("alertAfter")? {
        None => None,
        Some(text) if ["0", "0m", "0h", "0d"].contains(&text.as_str()) => None,
        Some(text) => match Duration::parse(&text) {
            Some(Duration::Minutes(minutes)) => Some(format!("{minutes} minutes")),
            _ => {
                return Err(
                    condition.wrong("alertAfter", &format!("expected a length, as in 5m, found {text}"))
                );
            }
        },
    };
    known_annotations(&fields, &annotations, &[SHORT_WINDOW])?;
    let short = annotations.iter().find(|(name, _)| name == SHORT_WINDOW).map(|(_, text)| text);
    let short_window = match short {
        None => None,
        Some(text) => Some(self::window(text).ok_or_else(|| fields.wrong("metadata", &no_window(text)))?),
    };
    condition.end()?;
    spec.end()?;
    fields.end()?;
    Ok(Condition { severity, operator, threshold, window, short_window, after })
}

/// Fails for an annotation of ours that means nothing here: a slip of the pen would leave a condition out.
fn known_annotations(fields: &Fields<'_>, annotations: &[(String, String)], known: &[&str]) -> Result<()> {
    let unknown =
        annotations.iter().find(|(name, _)| name.starts_with(super::OURS) && !known.contains(&name.as_str()));
    match unknown {
        None => Ok(()),
        Some((name, _)) => Err(fields.wrong("metadata", &format!("there is no annotation {name} here"))),
    }
}

fn window(text: &str) -> Option<&'static str> {
    let Some(Duration::Minutes(minutes)) = Duration::parse(text) else { return None };
    WINDOWS.into_iter().find(|(known, _)| *known == minutes).map(|(_, name)| name)
}

fn no_window(text: &str) -> String {
    let known: Vec<&str> = WINDOWS.iter().map(|(_, name)| *name).collect();
    format!("burn rates are kept over {}, not over {text}", known.join(", "))
}

impl Policy {
    /// The statements of its alerts.
    pub(super) fn statements(&self, slo: &str, document: &Node) -> Vec<String> {
        let service = document
            .get("spec")
            .and_then(|spec| spec.get("service"))
            .and_then(Node::name)
            .unwrap_or_default();
        let mut statements = vec![self.statement(slo, &service)];
        if self.when_breaching {
            statements.push(self.breaching(slo, &service));
        }
        statements
    }

    fn statement(&self, slo: &str, service: &str) -> String {
        let Condition { operator, threshold, window, short_window, after, .. } = &self.condition;
        let hold = after.as_ref().map_or_else(String::new, |after| format!(" FOR {}", literal(after)));
        let no_data = if self.when_no_data { "ALERT" } else { "OK" };
        let short = short_window
            .map_or_else(String::new, |short| format!(" AND burn_rate_{short} {operator} {threshold:?}"));
        format!(
            "CREATE OR REPLACE ALERT {}{hold} NO DATA {no_data} WHEN value {operator} {threshold:?}{short} LABELS ({}) ANNOTATIONS ({}) \
             AS SELECT *, burn_rate_{window} AS value FROM ({})",
            quoted(&format!("{slo}-{}", self.name)),
            self.labels(service),
            self.texts(&format!("SLO {slo} burns its error budget at {{{{ $value | humanize }}}} times the rate that it allows, over {window}")),
            rows_of(slo),
        )
    }

    fn breaching(&self, slo: &str, service: &str) -> String {
        format!(
            "CREATE OR REPLACE ALERT {} WHEN value <= 0 LABELS ({}) ANNOTATIONS ({}) AS SELECT *, budget_remaining AS value FROM ({})",
            quoted(&format!("{slo}-{}-breaching", self.name)),
            self.labels(service),
            self.texts(&format!("SLO {slo} is not met: its error budget is spent")),
            rows_of(slo),
        )
    }

    fn labels(&self, service: &str) -> String {
        let mut labels = vec![("severity", self.condition.severity.clone()), ("service", service.to_owned())];
        if !self.targets.is_empty() {
            labels.push(("target", self.targets.join(",")));
        }
        pairs(labels.iter().map(|(name, value)| (*name, value.as_str())))
    }

    fn texts(&self, summary: &str) -> String {
        let own = self.annotations.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let own = own.filter(|(name, _)| *name != "summary" && !name.starts_with(super::OURS));
        pairs([("summary", summary)].into_iter().chain(own))
    }
}

/// Where the SLO stands, with what tells its groups apart.
fn rows_of(slo: &str) -> String {
    let columns: Vec<String> = WINDOWS.iter().map(|(_, window)| format!("burn_rate_{window}")).collect();
    format!(
        "SELECT slo, group_key, budget_remaining, {} FROM slo_status({})",
        columns.join(", "),
        literal(slo)
    )
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{} = {}", quoted(name), literal(value))).collect();
    pairs.join(", ")
}

/// A text as SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
