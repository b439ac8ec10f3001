//! SLOs as documents of OpenSLO: as they came, or made of their definition.

use super::SLO_DOCUMENT;
use super::document::{DEFINITION, Library, NAME, VERSION};
use super::duration::Duration;
use super::node::{self, Node, Value};
use super::sli::SOURCE_TYPE;
use crate::context::QueryContext;
use crate::db::Database;
use crate::error::Result;
use crate::session::SessionSettings;
use crate::slo::{Definition, Judged, Slo, Source};
use crate::sql::quoted;

/// The column of a row's number of events.
const WEIGHT: &str = "slo_weight";
/// The service of SLOs that did not come from a file.
const SERVICE: &str = "driftline";

impl Database {
    /// SLOs as a stream of OpenSLO documents: those of these names, or all. One that came from a file leaves as it came, with what it referred to in it.
    /// One of `CREATE SLO` has the annotation `driftline.dev/definition` for what OpenSLO has no words for; [`apply_slos`](Self::apply_slos)
    /// makes the same SLO of it.
    ///
    /// # Errors
    /// `NotFound` for an SLO that there is not.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let dir = tempfile::tempdir().unwrap();
    /// let database = driftline::Database::open(dir.path()).await?;
    /// database.sql("CREATE SLO answered ON llm_calls GOOD WHEN NOT is_error OBJECTIVE 0.99 WINDOW '30 days'").await?;
    /// let yaml = database.export_slos(&[])?;
    /// assert!(yaml.contains("target: 0.99"));
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub fn export_slos(&self, names: &[&str]) -> Result<String> {
        let engine = self.engine();
        engine.check_open()?;
        let context = QueryContext::begin(engine, &std::sync::Arc::new(SessionSettings::default()));
        let relations = context.relations();
        let all: Vec<String> = match names {
            [] => relations.slos().map(|(name, _)| name.to_owned()).collect(),
            names => names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut documents: Vec<Node> = vec![];
        for name in all {
            let slo = relations.slo(&name)?;
            let kept = relations.snapshot().definition(SLO_DOCUMENT, &name);
            let document = match kept.and_then(|kept| kept_document(kept, &slo)) {
                Some(document) => document,
                None => made(&slo),
            };
            documents.push(document);
        }
        node::render(&documents)
    }
}

/// What the manifest keeps of an SLO's document: the definition and the alerts that were made of it, and the document.
pub(super) fn keep(definition: &str, alerts: &[String], document: &Node) -> Result<String> {
    node::render(&[Node::map([
        ("definition", Node::text(definition)),
        ("alerts", Node::list(alerts.iter().map(Node::text).collect())),
        ("document", document.clone()),
    ])])
}

/// The alerts that were made of what the manifest keeps.
pub(crate) fn kept_alerts(kept: &str) -> Vec<String> {
    let kept = node::parse(SLO_DOCUMENT, kept).ok().and_then(|mut documents| documents.pop());
    let alerts = kept.as_ref().and_then(|kept| kept.get("alerts")).map(|alerts| &alerts.value);
    match alerts {
        Some(Value::List(names)) => {
            names.iter().filter_map(|name| Some(name.as_text()?.to_owned())).collect()
        }
        _ => vec![],
    }
}

/// The document, if the SLO is still what was made of it.
fn kept_document(kept: &str, slo: &Slo) -> Option<Node> {
    let kept = node::parse(SLO_DOCUMENT, kept).ok()?.pop()?;
    let is_same = kept.get("definition")?.as_text()? == slo.definition.to_string();
    is_same.then(|| without_places(kept.get("document")?)).flatten()
}

/// A tree that equals another by what it says.
fn without_places(node: &Node) -> Option<Node> {
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(without_places).collect::<Option<_>>()?),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(name, node)| Some((name.clone(), without_places(node)?)));
            Value::Map(entries.collect::<Option<_>>()?)
        }
        other => other.clone(),
    };
    Some(node.saying(value))
}

/// A document with what it refers to in the place of references.
pub(super) fn resolved(node: &Node, library: &Library<'_>) -> Node {
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(|item| resolved(item, library)).collect()),
        Value::Map(entries) => {
            // an entry of a list that is nothing but a reference becomes what it refers to
            if let [(name, value)] = entries.as_slice()
                && let Some(text) = value.name()
            {
                let found = match name.as_str() {
                    "alertPolicyRef" => library.policies.get(&text),
                    "conditionRef" => library.conditions.get(&text),
                    "targetRef" => library.targets.get(&text),
                    _ => None,
                };
                if let Some((_, found)) = found {
                    return standing_alone(found, library, true);
                }
            }
            let referred = |name: &str, value: &Node| {
                let indicator =
                    if name == "indicatorRef" { library.indicators.get(&value.name()?) } else { None };
                indicator.map(|(_, document)| ("indicator", standing_alone(document, library, false)))
            };
            let kept =
                |(name, value): &&(String, Node)| name != "metricSourceRef" && value.value != Value::Null;
            let entries = entries.iter().filter(kept).map(|(name, value)| match referred(name, value) {
                Some((name, node)) => (name.to_owned(), node),
                None => (name.clone(), resolved(value, library)),
            });
            Value::Map(entries.collect())
        }
        other => other.clone(),
    };
    node.saying(value)
}

/// The document of one of several objectives: an SLO of its own.
pub(super) fn with_one_objective(document: &Node, name: &str, nth: usize) -> Node {
    let Value::Map(entries) = &document.value else { return document.clone() };
    let entries = entries.iter().map(|(key, node)| {
        let changed = match (key.as_str(), &node.value) {
            ("metadata", Value::Map(fields)) => replaced(fields, "name", &Node::text(name)),
            ("spec", Value::Map(fields)) => {
                let objectives = node.get("objectives").map(|objectives| &objectives.value);
                let own = match objectives {
                    Some(Value::List(all)) => all.get(nth).cloned().into_iter().collect(),
                    _ => vec![],
                };
                replaced(fields, "objectives", &Node::list(own))
            }
            _ => node.clone(),
        };
        (key.clone(), changed)
    });
    Node::map(entries)
}

fn replaced(fields: &[(String, Node)], name: &str, value: &Node) -> Node {
    Node::map(
        fields
            .iter()
            .map(|(key, node)| (key.clone(), if key == name { value.clone() } else { node.clone() })),
    )
}

/// A document inside of another: it has no version there, and a kind where one may be told.
fn standing_alone(document: &Node, library: &Library<'_>, with_kind: bool) -> Node {
    let Value::Map(entries) = &document.value else { return Node::default() };
    let kept = entries.iter().filter(|(name, _)| name != "apiVersion" && (with_kind || name != "kind"));
    Node::map(kept.map(|(name, value)| (name.clone(), resolved(value, library))))
}

/// An SLO of a statement as a document.
fn made(slo: &Slo) -> Node {
    let definition = &slo.definition;
    let metric = |rows: String| {
        let mut spec = vec![("query", Node::text(rows))];
        if definition.weight.is_some() {
            spec.push(("count", Node::text(WEIGHT)));
        }
        let source = [("type", Node::text(SOURCE_TYPE)), ("spec", Node::map(spec))];
        Node::map([("metricSource", Node::map(source))])
    };
    let (good, total) = (rows(definition, true), rows(definition, false));
    let ratio = Node::map([("counter", Node::bool(false)), ("good", metric(good)), ("total", metric(total))]);
    let indicator = Node::map([
        ("metadata", Node::map([("name", Node::text(legal_name(&slo.name)))])),
        ("spec", Node::map([("ratioMetric", ratio)])),
    ]);
    let mut objective = vec![("target", Node::number(definition.objective))];
    let method = match &definition.timeslices {
        None => "Occurrences",
        Some(slices) => {
            objective.push(("timeSliceWindow", Node::text(Duration::shown(slices.length.minutes()))));
            match slices.judged {
                Judged::Mean => "RatioTimeslices",
                Judged::Target(target) => {
                    objective.push(("timeSliceTarget", Node::number(target)));
                    "Timeslices"
                }
            }
        }
    };
    let window = match definition.period.openslo() {
        None => Node::map([
            ("duration", Node::text(Duration::shown(definition.period.length().minutes()))),
            ("isRolling", Node::bool(true)),
        ]),
        Some((duration, start, zone)) => Node::map([
            ("duration", Node::text(duration)),
            ("calendar", Node::map([("startTime", Node::text(start)), ("timeZone", Node::text(zone))])),
            ("isRolling", Node::bool(false)),
        ]),
    };
    let mut annotations = vec![(DEFINITION.to_owned(), Node::text(definition.to_string()))];
    if legal_name(&slo.name) != slo.name {
        annotations.push((NAME.to_owned(), Node::text(&slo.name)));
    }
    Node::map([
        ("apiVersion", Node::text(VERSION)),
        ("kind", Node::text("SLO")),
        (
            "metadata",
            Node::map([("name", Node::text(legal_name(&slo.name))), ("annotations", Node::map(annotations))]),
        ),
        (
            "spec",
            Node::map([
                ("service", Node::text(SERVICE)),
                ("indicator", indicator),
                ("timeWindow", Node::list(vec![window])),
                ("budgetingMethod", Node::text(method)),
                ("objectives", Node::list(vec![Node::map(objective)])),
            ]),
        ),
    ])
}

/// The rows that are events, or those of them that are good.
fn rows(definition: &Definition, only_good: bool) -> String {
    let source = match &definition.source {
        Source::Relation(name) => quoted(name),
        Source::Query(query) => format!("({query}) AS events"),
    };
    let verdict = if only_good {
        format!("({})", definition.good)
    } else {
        format!("({}) IS NOT NULL", definition.good)
    };
    let conditions = [definition.eligible.as_ref().map(|eligible| format!("({eligible})")), Some(verdict)];
    let conditions: Vec<String> = conditions.into_iter().flatten().collect();
    let weight =
        definition.weight.as_ref().map_or_else(String::new, |weight| format!(", ({weight}) AS {WEIGHT}"));
    format!("SELECT *{weight} FROM {source} WHERE {}", conditions.join(" AND "))
}

/// A name as OpenSLO takes it.
fn legal_name(name: &str) -> String {
    let plain = name.to_lowercase();
    let plain: String = plain
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .take(63)
        .collect();
    let trimmed = plain.trim_matches('-');
    if trimmed.is_empty() { "slo".to_owned() } else { trimmed.to_owned() }
}
