//! Files into the database: all of them or none.

use std::sync::Arc;

use super::document::{Library, Slo, VERSION, in_file};
use super::fields::Fields;
use super::node::{self, Node};
use super::{SLO_DOCUMENT, export, sloth};
use crate::alert::ALERT;
use crate::context::QueryContext;
use crate::db::Database;
use crate::error::{Error, ErrorKind, Result};
use crate::session::SessionSettings;
use crate::slo::Counting;
use crate::sql::{alert_of_statement, quoted};

/// How the statements of alerts begin.
const CREATE_ALERT: &str = "CREATE OR REPLACE ALERT";

/// A file of SLOs.
#[derive(Clone, Debug)]
pub struct SloFile {
    /// Its name, for errors.
    pub name: String,
    /// Its text, YAML.
    pub text: String,
}

/// What became of an SLO out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its name.
    pub name: String,
    /// The statements that make it and its alerts.
    pub statements: Vec<String>,
    /// What is worth knowing of it before it is relied on.
    pub notes: Vec<String>,
}

impl Database {
    /// Makes or replaces the SLOs of files, and the alerts of their policies: OpenSLO v1, with SQL as its metric queries, or Sloth's `prometheus/v1`.
    /// Files may refer to each other. An alert of a policy that is no longer in its SLO is dropped. All is checked before anything changes; with `dry_run` nothing does.
    ///
    /// # Errors
    /// `Invalid` with file, line, column and field for what is wrong or cannot be honoured; otherwise as the statements fail.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let dir = tempfile::tempdir().unwrap();
    /// use driftline::{Database, SloFile};
    /// let database = Database::open(dir.path()).await?;
    /// let text = "
    /// apiVersion: openslo/v1
    /// kind: SLO
    /// metadata: {name: answered}
    /// spec:
    ///   service: bot
    ///   indicator:
    ///     spec:
    ///       ratioMetric:
    ///         bad: {metricSource: {type: driftline, spec: {query: SELECT time FROM llm_calls WHERE is_error}}}
    ///         total: {metricSource: {type: driftline, spec: {query: SELECT time FROM llm_calls}}}
    ///   timeWindow: [{duration: 30d, isRolling: true}]
    ///   budgetingMethod: Occurrences
    ///   objectives: [{targetPercent: 99.5}]
    /// ";
    /// let files = [SloFile { name: "bot.yaml".to_owned(), text: text.to_owned() }];
    /// let applied = database.apply_slos(&files, false).await?;
    /// assert_eq!(applied[0].name, "answered");
    /// database.sql("SELECT * FROM slo_status('answered')").await?;
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub async fn apply_slos(&self, files: &[SloFile], dry_run: bool) -> Result<Vec<Applied>> {
        let engine = self.engine();
        engine.check_open()?;
        if !dry_run {
            engine.storage().check_writable()?;
        }
        let parsed = files.iter().map(|file| Ok((file.name.as_str(), node::parse(&file.name, &file.text)?)));
        let parsed: Vec<(&str, Vec<Node>)> = parsed.collect::<Result<_>>()?;
        let plans = plans(&parsed)?;
        let context = QueryContext::begin(engine, &Arc::new(SessionSettings::default()));
        let mut applied = vec![];
        for Plan { file, slo, statements } in plans {
            let counting = Counting::plan(&slo.definition, &context.relations().for_slo()).await;
            counting.map_err(|error| {
                in_file(&file, Error::new(error.kind(), format!("SLO \"{}\": {error}", slo.name)))
            })?;
            for statement in statements.iter().filter(|statement| statement.starts_with(CREATE_ALERT)) {
                let parsed =
                    alert_of_statement(statement).unwrap_or_else(|| Err(Error::invalid("it makes no alert")));
                parsed.map_err(|error| {
                    in_file(&file, Error::invalid(format!("an alert of SLO \"{}\": {error}", slo.name)))
                })?;
            }
            let mut notes = slo.notes.clone();
            notes.extend(slo.definition.lint());
            applied.push((Applied { name: slo.name.clone(), statements, notes }, slo));
        }
        let made: Vec<String> = applied.iter().flat_map(|(applied, _)| alerts_of(applied)).collect();
        check_alerts(&made, &context)?;
        if dry_run {
            return Ok(applied.into_iter().map(|(applied, _)| applied).collect());
        }
        for (applied, slo) in &applied {
            self.make(applied, slo, &made).await?;
        }
        Ok(applied.into_iter().map(|(applied, _)| applied).collect())
    }

    /// Makes an SLO, notes what belongs to it, makes its alerts and drops those that it had before.
    async fn make(&self, applied: &Applied, slo: &Slo, all_alerts: &[String]) -> Result<()> {
        let engine = self.engine();
        let context = || QueryContext::begin(engine, &Arc::new(SessionSettings::default()));
        let before = context().snapshot().definition(SLO_DOCUMENT, &slo.name).map(export::kept_alerts);
        let alerts = alerts_of(applied);
        let mut statements = applied.statements.iter();
        if let Some(of_slo) = statements.next() {
            self.sql(of_slo).await?.collect().await?;
        }
        let definition = context().relations().slo(&slo.name)?.definition.to_string();
        let kept = export::keep(&definition, &alerts, &slo.document)?;
        engine.storage().put_definition(SLO_DOCUMENT, &slo.name, &kept, true).await?;
        for statement in statements {
            self.sql(statement).await?.collect().await?;
        }
        for gone in before.unwrap_or_default().iter().filter(|name| !all_alerts.contains(name)) {
            self.sql(&format!("DROP ALERT IF EXISTS {}", quoted(gone))).await?.collect().await?;
        }
        Ok(())
    }
}

/// The names of the alerts of an SLO.
fn alerts_of(applied: &Applied) -> Vec<String> {
    applied.statements.iter().filter_map(|statement| alert_of(statement)).collect()
}

/// Fails for alerts that two SLOs would make, or that somebody else has made.
fn check_alerts(made: &[String], context: &QueryContext) -> Result<()> {
    let mut sorted: Vec<&String> = made.iter().collect();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::invalid(format!(
            "two of the SLOs make an alert of the name {}: rename one",
            pair[0]
        )));
    }
    let snapshot = context.snapshot();
    let ours: Vec<String> =
        snapshot.definitions(SLO_DOCUMENT).flat_map(|(_, kept)| export::kept_alerts(kept)).collect();
    let foreign = made.iter().find(|name| snapshot.definition(ALERT, name).is_some() && !ours.contains(name));
    match foreign {
        None => Ok(()),
        Some(name) => {
            let message = format!(
                "there is an alert {name} that did not come of a file: drop it, or rename the policy"
            );
            Err(Error::new(ErrorKind::AlreadyExists, message))
        }
    }
}

/// The name of the alert that a statement makes.
fn alert_of(statement: &str) -> Option<String> {
    statement.starts_with(CREATE_ALERT).then(|| alert_of_statement(statement)?.ok())?.map(|alert| alert.name)
}

/// An SLO and the statements that make it.
struct Plan {
    file: String,
    slo: Slo,
    statements: Vec<String>,
}

fn plans(files: &[(&str, Vec<Node>)]) -> Result<Vec<Plan>> {
    let mut library = Library::default();
    let mut plans: Vec<Plan> = vec![];
    for (file, documents) in files {
        if documents.is_empty() {
            return Err(Error::invalid(format!("{file}: the file has no document")));
        }
        for document in documents {
            match sloth::is_sloth(document) {
                true => {
                    let found = sloth::slos(file, document)?;
                    plans.extend(found.into_iter().map(|(slo, alert)| plan(file, slo, alert)));
                }
                false => library.add(file, document)?,
            }
        }
    }
    for (file, document) in &library.slos {
        for slo in library.slo(file, document)? {
            plans.push(plan(file, slo, None));
        }
    }
    if plans.is_empty() {
        let files: Vec<&str> = files.iter().map(|(file, _)| *file).collect();
        return Err(Error::invalid(format!(
            "{}: no document is an SLO of {VERSION} or of Sloth",
            files.join(", ")
        )));
    }
    let mut names: Vec<&str> = plans.iter().map(|plan| plan.slo.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::invalid(format!("the files have two SLOs of the name {}", pair[0])));
    }
    // policies, conditions, targets and SLIs that nobody refers to are checked all the same
    library.check_rest(files)?;
    Ok(plans)
}

fn plan(file: &str, slo: Slo, alert: Option<String>) -> Plan {
    let mut statements = vec![format!("CREATE OR REPLACE SLO {} {}", quoted(&slo.name), slo.definition)];
    statements.extend(slo.policies.iter().flat_map(|policy| policy.statements(&slo.name, &slo.document)));
    statements.extend(alert);
    Plan { file: file.to_owned(), slo, statements }
}

/// Whether a document is of a kind, by its fields.
pub(super) fn says(document: &Node, field: &str, text: &str) -> bool {
    document.get(field).and_then(Node::as_text) == Some(text)
}

impl Library<'_> {
    fn check_rest(&self, files: &[(&str, Vec<Node>)]) -> Result<()> {
        for (file, documents) in files {
            for document in documents {
                let fields = Fields::of(file, "", document)?;
                if says(document, "kind", "SLI") {
                    super::sli::document(file, document, self)?;
                } else if says(document, "kind", "AlertPolicy") {
                    super::policy::check_policy(fields, self)?;
                } else if says(document, "kind", "AlertCondition") {
                    super::policy::check_condition(fields)?;
                }
            }
        }
        Ok(())
    }
}
