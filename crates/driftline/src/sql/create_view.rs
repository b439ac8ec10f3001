//! `CREATE [OR REPLACE] VIEW [IF NOT EXISTS] name AS query`: the text of the query is kept in the manifest.

use super::cursor::Cursor;
use super::names;
use crate::catalog::VIEW;
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result};
use crate::stream::QueryStream;

/// A parsed `CREATE VIEW`.
#[derive(Debug)]
pub(crate) struct CreateView {
    pub(super) name: String,
    replace: bool,
    if_not_exists: bool,
    query: String,
}

impl CreateView {
    pub(super) fn parse(mut cursor: Cursor<'_>, replace: bool) -> Result<Self> {
        let if_not_exists = cursor.accept(&["IF", "NOT", "EXISTS"]);
        if replace && if_not_exists {
            return Err(Error::invalid("OR REPLACE and IF NOT EXISTS exclude each other"));
        }
        let name = names::parse(&mut cursor, "the name of the view")?;
        cursor.expect(&["AS"])?;
        let query = cursor.rest().to_owned();
        cursor.delegate()?;
        Ok(Self { name, replace, if_not_exists, query })
    }

    /// Fails for a query that cannot be planned, or that this session may not ask.
    pub(super) async fn check(&self, context: &QueryContext) -> Result<()> {
        super::view_query(&self.name, &self.query, &context.inside(&self.name)).await.map(drop)
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        names::check_free(&self.name)?;
        let replaces = self.replace && context.snapshot().definition(VIEW, &self.name).is_some();
        if context.has_relation(&self.name) && !replaces {
            return match self.if_not_exists {
                true => super::status(format!("view \"{}\" exists already", self.name)),
                false => Err(names::taken(&self.name)),
            };
        }
        self.check(context).await?;
        let storage = context.engine().storage();
        storage.put_definition(VIEW, &self.name, &self.query, self.replace).await?;
        let verb = if replaces { "replaced" } else { "created" };
        super::status(format!("{verb} view \"{}\"", self.name))
    }
}

/// Name and query of a view that the program itself brings along.
pub(crate) fn built_in_view(ddl: &str) -> Result<(String, String)> {
    match super::Statement::parse(ddl)? {
        super::Statement::CreateView(view) => Ok((view.name, view.query)),
        _ => Err(Error::new(ErrorKind::Internal, "the schema of a built-in view is no CREATE VIEW")),
    }
}
