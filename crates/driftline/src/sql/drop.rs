//! `DROP TABLE | VIEW | BASELINE | SLO | ALERT [IF EXISTS] name`

use driftline_storage::ErrorKind;

use super::cursor::Cursor;
use super::names;
use crate::alert::{self, ALERT};
use crate::baseline::BASELINE;
use crate::catalog::VIEW;
use crate::context::QueryContext;
use crate::error::{Error, Result};
use crate::openslo::{SLO_DOCUMENT, kept_alerts};
use crate::slo::{COUNTS, SLO};
use crate::stream::QueryStream;

/// A parsed `DROP`.
#[derive(Debug)]
pub(crate) struct Drop {
    kind: Kind,
    pub(super) name: String,
    if_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Table,
    View,
    Baseline,
    Slo,
    Alert,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::Baseline => "baseline",
            Self::Slo => "SLO",
            Self::Alert => "alert",
        }
    }
}

impl Drop {
    pub(super) fn parse(mut cursor: Cursor<'_>) -> Result<Self> {
        let kind = match () {
            () if cursor.accept(&["TABLE"]) => Kind::Table,
            () if cursor.accept(&["VIEW"]) => Kind::View,
            () if cursor.accept(&["BASELINE"]) => Kind::Baseline,
            () if cursor.accept(&["SLO"]) => Kind::Slo,
            () if cursor.accept(&["ALERT"]) => Kind::Alert,
            () => return Err(cursor.unexpected("TABLE, VIEW, BASELINE, SLO or ALERT")),
        };
        let if_exists = cursor.accept(&["IF", "EXISTS"]);
        let what = format!("the name of the {}", kind.word());
        let name = match kind {
            Kind::Baseline | Kind::Slo | Kind::Alert => cursor.identifier(&what)?,
            Kind::Table | Kind::View => names::parse(&mut cursor, &what)?,
        };
        cursor.end()?;
        Ok(Self { kind, name, if_exists })
    }

    pub(super) fn describe(&self) -> String {
        format!("drop {} {}", self.kind.word(), self.name)
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        let word = self.kind.word();
        let storage = context.engine().storage();
        let is_table = context.snapshot().table(&self.name).is_some();
        let is_view = context.snapshot().definition(VIEW, &self.name).is_some();
        match self.kind {
            Kind::Baseline if context.snapshot().object(BASELINE, &self.name).is_some() => {
                storage.drop_object(BASELINE, &self.name).await?;
            }
            Kind::Baseline if !self.if_exists => {
                return Err(context.relations().no_baseline(&self.name));
            }
            Kind::Slo if context.snapshot().definition(SLO, &self.name).is_some() => {
                storage.drop_definition(SLO, &self.name).await?;
                context.engine().slos().forget(&self.name);
                if context.snapshot().object(COUNTS, &self.name).is_some() {
                    storage.drop_object(COUNTS, &self.name).await?;
                }
                if let Some(kept) = context.snapshot().definition(SLO_DOCUMENT, &self.name) {
                    // the alerts of its policies go along
                    for name in kept_alerts(kept) {
                        if context.snapshot().definition(ALERT, &name).is_some() {
                            storage.drop_definition(ALERT, &name).await?;
                            alert::end(context.engine(), &name).await?;
                        }
                    }
                    storage.drop_definition(SLO_DOCUMENT, &self.name).await?;
                }
            }
            Kind::Slo if !self.if_exists => return Err(context.relations().no_slo(&self.name)),
            Kind::Alert if context.snapshot().definition(ALERT, &self.name).is_some() => {
                storage.drop_definition(ALERT, &self.name).await?;
                alert::end(context.engine(), &self.name).await?;
            }
            Kind::Alert if !self.if_exists => return Err(context.relations().no_alert(&self.name)),
            Kind::Table | Kind::View
                if names::is_built_in(&self.name) && context.has_relation(&self.name) =>
            {
                return Err(Error::invalid(format!("\"{}\" is built in and cannot be dropped", self.name)));
            }
            Kind::Table if is_table => storage.drop_table(&self.name).await?,
            Kind::View if is_view => storage.drop_definition(VIEW, &self.name).await?,
            Kind::Table if context.drop_external(&self.name) => {}
            Kind::Table if is_view => {
                return Err(Error::invalid(format!("\"{}\" is a view: use DROP VIEW", self.name)));
            }
            Kind::View if is_table => {
                return Err(Error::invalid(format!("\"{}\" is a table: use DROP TABLE", self.name)));
            }
            _ if self.if_exists => return super::status(format!("{word} \"{}\" does not exist", self.name)),
            _ => {
                let hint = context.nearest_relation(&self.name);
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("{word} \"{}\" does not exist{hint}", self.name),
                ));
            }
        }
        super::status(format!("dropped {word} \"{}\"", self.name))
    }
}
