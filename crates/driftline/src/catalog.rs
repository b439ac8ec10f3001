//! The catalog of one snapshot: schema `public` holds tables, views and external tables; schema `driftline` the system tables.
//! DataFusion asks here for every name of a statement.

mod baselines;
mod built_in;
mod external;
mod information;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{LogicalPlanBuilder, TableType, col, lit};
use driftline_storage::{Snapshot, TableSnapshot};

use crate::alert::history_query;
use crate::config::FileAccess;
use crate::context::QueryContext;
use crate::db::Engine;
use crate::error::{Error, Result, external};
use crate::scan::ScanTable;
use crate::session::SessionSettings;
use crate::slo::{STATUS as SLO_STATUS, SloTable};
use crate::sql;
use crate::system_tables::SystemTable;

pub(crate) use built_in::{BUILT_IN_TABLES, built_in_views};
pub(crate) use external::ExternalTables;

/// The one catalog.
pub(crate) const DEFAULT_CATALOG: &str = "driftline";
/// The schema of tables and views.
pub(crate) const PUBLIC_SCHEMA: &str = "public";
/// The schema of the system tables.
pub(crate) const SYSTEM_SCHEMA: &str = "driftline";
/// The schema of the standard's system tables.
pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";
/// The kind under which the manifest keeps views.
pub(crate) const VIEW: &str = "view";

/// The system table of what became of alerts.
const ALERT_HISTORY: &str = "alert_history";
/// The column of times.
const TIME: &str = "time";

/// How deep views may stand on views.
const VIEW_DEPTH_MAX: usize = 16;

/// The relations and baselines that one statement can name.
#[derive(Clone)]
pub(crate) struct Relations {
    engine: Arc<Engine>,
    snapshot: Arc<Snapshot>,
    settings: Arc<SessionSettings>,
    /// Whether all names are open: in a view, which may stand on what its reader may not name.
    is_granted: bool,
    /// Whether a view whose query fails is no error: where all are read, and not this one.
    skips_broken_views: bool,
    /// The views in which the names are looked up, the outermost first; a view cannot stand on one of them.
    inside: Vec<String>,
    /// A table of which a part stands in the place of the whole.
    part: Option<Arc<TableSnapshot>>,
    /// Whether the rows of that table have their places as columns.
    places: bool,
    /// Whether an SLO is counted: one cannot stand on another.
    in_slo: bool,
    /// The time that is now, where it is not that of the clock; no table has rows that are later.
    as_of_ns: Option<i64>,
    /// The relations of earlier versions, by the schema of their time.
    past: Arc<HashMap<String, Arc<Relations>>>,
}

impl Relations {
    pub(crate) fn new(engine: Arc<Engine>, snapshot: Snapshot, settings: Arc<SessionSettings>) -> Arc<Self> {
        Arc::new(Self {
            engine,
            snapshot: Arc::new(snapshot),
            settings,
            is_granted: false,
            skips_broken_views: false,
            inside: vec![],
            part: None,
            places: false,
            in_slo: false,
            as_of_ns: None,
            past: Arc::default(),
        })
    }

    /// The same relations, as an SLO sees them that this session makes. It counts whole segments; its windows say which times are asked for.
    pub(crate) fn for_slo(&self) -> Self {
        Self { in_slo: true, as_of_ns: None, ..self.clone() }
    }

    /// The same relations without files.
    pub(crate) fn without_files(&self) -> Self {
        let settings = SessionSettings { file_access: FileAccess::Refused, ..self.settings.as_ref().clone() };
        Self { settings: Arc::new(settings), ..self.clone() }
    }

    /// The same relations as of a time.
    pub(crate) fn as_of(&self, as_of_ns: i64) -> Self {
        Self { as_of_ns: Some(as_of_ns), ..self.clone() }
    }

    /// The time that is now.
    pub(crate) fn now_ns(&self) -> i64 {
        self.as_of_ns.unwrap_or_else(|| self.engine.clock().now_ns())
    }

    /// The same with all names open: as an SLO sees them that is kept, whoever asks for it.
    pub(crate) fn for_kept_slo(&self) -> Self {
        Self { is_granted: true, ..self.for_slo() }
    }

    pub(crate) fn is_in_slo(&self) -> bool {
        self.in_slo
    }

    /// The same relations, with a part of one table in the place of it.
    pub(crate) fn with_part(&self, part: TableSnapshot) -> Self {
        Self { part: Some(Arc::new(part)), ..self.clone() }
    }

    /// The same relations at another moment of the database.
    pub(crate) fn at(&self, snapshot: &Snapshot) -> Self {
        Self { snapshot: Arc::new(snapshot.clone()), ..self.clone() }
    }

    /// The same relations, with this part of a table in the place of it, whose rows have their places as columns.
    pub(crate) fn with_places(&self, part: TableSnapshot) -> Self {
        Self { places: true, ..self.with_part(part) }
    }

    /// The tables and views of an earlier version. They know no other times, and no files.
    pub(crate) fn in_the_past(&self, snapshot: &Snapshot) -> Self {
        Self { past: Arc::default(), part: None, places: false, ..self.without_files().at(snapshot) }
    }

    /// The same relations, with those of earlier versions.
    pub(crate) fn with_past(&self, past: HashMap<String, Arc<Relations>>) -> Self {
        Self { past: Arc::new(past), ..self.clone() }
    }

    /// The relations of a time that the statement names.
    pub(crate) fn past(&self, schema: &str) -> Option<&Arc<Relations>> {
        self.past.get(schema)
    }

    /// Whether earlier versions can be asked for: by a statement, and not by what is kept and asked again.
    pub(crate) fn may_look_back(&self) -> bool {
        self.inside.is_empty() && !self.in_slo && self.as_of_ns.is_none()
    }

    fn part_of(&self, table: &TableSnapshot) -> Option<&Arc<TableSnapshot>> {
        self.part.as_ref().filter(|part| part.id() == table.id())
    }

    fn scan_table(&self, name: &str) -> Option<ScanTable> {
        let whole = self.snapshot.table(name)?;
        let part = self.part_of(whole);
        let table = ScanTable::new(Arc::clone(part.unwrap_or(whole)), Arc::clone(self.engine.cache()));
        Some(if part.is_some() && self.places { table.with_places() } else { table })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    pub(crate) fn settings(&self) -> &Arc<SessionSettings> {
        &self.settings
    }

    /// Whether a text in the place of a table names a file.
    pub(crate) fn is_file(name: &str) -> bool {
        name.contains(['.', '/'])
    }

    /// Whether the session may name this table, view or baseline, if there is one.
    pub(crate) fn allows(&self, name: &str) -> bool {
        self.is_granted || self.settings.allows(name)
    }

    /// Fails where the session may not name this table, view or baseline.
    pub(crate) fn permit(&self, name: &str) -> Result<()> {
        match self.allows(name) {
            true => Ok(()),
            false => self.settings.permit_name(name),
        }
    }

    /// Whether files may be read and written: database and session must both allow it.
    pub(crate) fn file_access(&self) -> FileAccess {
        match (self.engine.config().file_access, self.settings.file_access) {
            (FileAccess::Allowed, FileAccess::Allowed) => FileAccess::Allowed,
            _ => FileAccess::Refused,
        }
    }

    /// Whether a table, view or external table of this name exists, whoever may name it.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.snapshot.table(name).is_some() || self.view(name).is_some() || self.external(name).is_some()
    }

    /// The same relations, as the query of a view sees them that this session makes.
    pub(crate) fn inside(&self, view: &str) -> Self {
        let mut inside = self.clone();
        inside.inside.push(view.to_owned());
        inside
    }

    /// The same relations, for reading what there is of all of them.
    pub(crate) fn skipping_broken_views(&self) -> Self {
        Self { skips_broken_views: true, ..self.clone() }
    }

    /// The tables that the session may name.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Arc<TableSnapshot>> {
        self.snapshot.tables().filter(|table| self.allows(table.name()))
    }

    /// An external table; its rows are files.
    fn external(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        match self.file_access() {
            FileAccess::Allowed => self.engine.external().get(name),
            FileAccess::Refused => None,
        }
    }

    /// The names that can be meant where one is unknown, sorted: no view means itself.
    pub(crate) fn candidates(&self) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| !self.inside.contains(name));
        names
    }

    /// All names that the session may name, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let tables = self.tables().map(|table| table.name().to_owned());
        let views = self.views().into_iter().map(|(name, _)| name.to_owned());
        let external = match self.file_access() {
            FileAccess::Allowed => self.engine.external().names(),
            FileAccess::Refused => vec![],
        };
        let external = external.into_iter().filter(|name| self.allows(name));
        let mut names: Vec<String> = tables.chain(views).chain(external).collect();
        names.sort();
        names
    }

    /// Every view that the session may name, with its query, the built-in ones included.
    pub(crate) fn views(&self) -> Vec<(&str, &str)> {
        let built_in = built_in_views().iter().map(|(name, query)| (name.as_str(), query.as_str()));
        let views = built_in.chain(self.snapshot.definitions(VIEW));
        views.filter(|(name, _)| self.allows(name)).collect()
    }

    fn view(&self, name: &str) -> Option<&str> {
        match built_in_views().get(name) {
            Some(query) => Some(query),
            None => self.snapshot.definition(VIEW, name),
        }
    }

    /// Whether a schema is that of tables and views.
    pub(crate) fn is_public(&self, schema: &str) -> bool {
        schema == PUBLIC_SCHEMA || is_free(schema) && self.settings.schema_alias.as_deref() == Some(schema)
    }

    async fn plan_view(&self, name: &str, query: &str) -> DfResult<Arc<dyn TableProvider>> {
        if let Some(start) = self.inside.iter().position(|view| view == name) {
            let cycle = [&self.inside[start..], &[name.to_owned()]].concat().join(" -> ");
            return Err(external(Error::invalid(format!("view \"{name}\" would stand on itself: {cycle}"))));
        }
        if self.inside.len() >= VIEW_DEPTH_MAX {
            return Err(external(Error::invalid(format!(
                "view \"{name}\" stands under more than {VIEW_DEPTH_MAX} views: {}",
                self.inside.join(" -> ")
            ))));
        }
        let granted = Self { is_granted: true, ..self.inside(name) };
        let context = QueryContext::over(Arc::new(granted), None);
        let plan = sql::view_query(name, query, &context).await.map_err(external)?;
        Ok(Arc::new(ViewTable::new(plan, Some(query.to_owned()))))
    }
}

/// Whether no schema has this name by itself.
fn is_free(schema: &str) -> bool {
    ![PUBLIC_SCHEMA, SYSTEM_SCHEMA, INFORMATION_SCHEMA].contains(&schema)
}

impl fmt::Debug for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relations").field("version", &self.snapshot.version()).finish()
    }
}

/// The list of catalogs, which has one.
#[derive(Debug)]
pub(crate) struct Catalogs(Arc<Catalog>);

impl Catalogs {
    pub(crate) fn new(relations: Arc<Relations>) -> Self {
        Self(Arc::new(Catalog(relations)))
    }
}

impl CatalogProviderList for Catalogs {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![DEFAULT_CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == DEFAULT_CATALOG).then(|| Arc::clone(&self.0) as _)
    }
}

#[derive(Debug)]
struct Catalog(Arc<Relations>);

impl CatalogProvider for Catalog {
    fn schema_names(&self) -> Vec<String> {
        let alias = self.0.settings.schema_alias.as_deref().filter(|alias| is_free(alias));
        [Some(SYSTEM_SCHEMA), Some(PUBLIC_SCHEMA), alias].into_iter().flatten().map(str::to_owned).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        match name {
            SYSTEM_SCHEMA => Some(Arc::new(SystemSchema(Arc::clone(&self.0)))),
            INFORMATION_SCHEMA => Some(Arc::new(information::InformationSchema::new(&self.0))),
            name if self.0.is_public(name) => Some(Arc::new(PublicSchema(Arc::clone(&self.0)))),
            name => self.0.past(name).map(|past| Arc::new(PublicSchema(Arc::clone(past))) as _),
        }
    }
}

#[derive(Debug)]
struct PublicSchema(Arc<Relations>);

#[async_trait]
impl SchemaProvider for PublicSchema {
    fn table_names(&self) -> Vec<String> {
        self.0.names()
    }

    async fn table(&self, name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        if Relations::is_file(name) && !self.0.contains(name) {
            return external::open_file(name, &self.0).await.map(Some);
        }
        if !self.0.allows(name) {
            return Ok(None);
        }
        if let Some(table) = self.0.scan_table(name).map(Arc::new) {
            return match self.0.as_of_ns {
                Some(as_of_ns) => until(name, table, as_of_ns).map(Some),
                None => Ok(Some(table)),
            };
        }
        if let Some(query) = self.0.view(name) {
            return match self.0.plan_view(name, query).await {
                Err(_) if self.0.skips_broken_views => Ok(None),
                outcome => outcome.map(Some),
            };
        }
        Ok(self.0.external(name))
    }

    /// What a relation is, without planning it where it is a view.
    async fn table_type(&self, name: &str) -> DfResult<Option<TableType>> {
        Ok(match name {
            name if !self.table_exist(name) => None,
            name if self.0.view(name).is_some() => Some(TableType::View),
            _ => Some(TableType::Base),
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.allows(name) && self.0.contains(name)
    }
}

/// The rows of a table that are not later than a time.
fn until(name: &str, table: Arc<ScanTable>, as_of_ns: i64) -> DfResult<Arc<dyn TableProvider>> {
    let now = ScalarValue::TimestampNanosecond(Some(as_of_ns), Some("UTC".into()));
    let rows = LogicalPlanBuilder::scan(name, provider_as_source(table), None)?;
    Ok(Arc::new(ViewTable::new(rows.filter(col(TIME).lt_eq(lit(now)))?.build()?, None)))
}

#[derive(Debug)]
struct SystemSchema(Arc<Relations>);

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        crate::system_tables::NAMES.iter().map(|name| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        if name == SLO_STATUS {
            return Ok(Some(Arc::new(SloTable::of_all(&self.0).map_err(external)?)));
        }
        if name == ALERT_HISTORY {
            let visible: Vec<&str> = self.0.alerts().map(|(name, _)| name).collect();
            let only = self.0.settings.tables.is_some().then_some(visible.as_slice());
            return self.0.plan_view(ALERT_HISTORY, &history_query(only)).await.map(Some);
        }
        Ok(SystemTable::named(name, &self.0).map(|table| Arc::new(table) as _))
    }

    fn table_exist(&self, name: &str) -> bool {
        crate::system_tables::NAMES.contains(&name)
    }
}
