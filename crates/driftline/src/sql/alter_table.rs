//! `ALTER TABLE name ADD [COLUMN] [IF NOT EXISTS] column TYPE [FROM ATTRIBUTE 'a.b'] | RENAME [COLUMN] a TO b | RENAME TO name | DROP [COLUMN] column |
//! SET (retention = '90 days') | RESET (retention)`
//!
//! All of it is metadata: no row is rewritten.

use std::time::Duration;

use datafusion::sql::sqlparser::tokenizer::Token;
use driftline_storage::TableChange;

use super::cursor::Cursor;
use super::{create_table, names};
use crate::context::QueryContext;
use crate::error::{Error, Result};
use crate::stream::QueryStream;

/// A parsed `ALTER TABLE`.
#[derive(Debug)]
pub(crate) struct AlterTable {
    pub(super) name: String,
    if_exists: bool,
    /// `ADD COLUMN IF NOT EXISTS`
    if_not_exists: bool,
    change: Change,
}

/// What changes.
#[derive(Debug)]
enum Change {
    Schema(TableChange),
    /// How long rows are kept; `None` for ever.
    Retention(Option<Duration>),
}

impl AlterTable {
    pub(super) fn parse(mut cursor: Cursor<'_>) -> Result<Self> {
        let if_exists = cursor.accept(&["IF", "EXISTS"]);
        let name = names::parse(&mut cursor, "the name of the table")?;
        let mut if_not_exists = false;
        let change = if cursor.accept(&["ADD"]) {
            cursor.accept(&["COLUMN"]);
            if_not_exists = cursor.accept(&["IF", "NOT", "EXISTS"]);
            Change::Schema(TableChange::AddColumn(create_table::parse_column(&mut cursor)?))
        } else if cursor.accept(&["RENAME", "TO"]) {
            Change::Schema(TableChange::RenameTable { to: cursor.identifier("the new name of the table")? })
        } else if cursor.accept(&["RENAME"]) {
            cursor.accept(&["COLUMN"]);
            let from = cursor.identifier("the name of a column")?;
            cursor.expect(&["TO"])?;
            let to = cursor.identifier("the new name of the column")?;
            Change::Schema(TableChange::RenameColumn { from, to })
        } else if cursor.accept(&["DROP"]) {
            cursor.accept(&["COLUMN"]);
            Change::Schema(TableChange::DropColumn { name: cursor.identifier("the name of a column")? })
        } else if cursor.accept(&["SET"]) {
            Change::Retention(Some(parse_retention(&mut cursor)?))
        } else if cursor.accept(&["RESET"]) {
            cursor.expect_symbol(&Token::LParen)?;
            cursor.expect(&["retention"])?;
            cursor.expect_symbol(&Token::RParen)?;
            Change::Retention(None)
        } else {
            return Err(cursor.unexpected("ADD, RENAME, DROP, SET or RESET"));
        };
        if *cursor.peek() == Token::Comma {
            return Err(cursor.unexpected("one change in an ALTER TABLE"));
        }
        cursor.end()?;
        Ok(Self { name, if_exists, if_not_exists, change })
    }

    /// The names of tables in it.
    pub(super) fn relations(&self) -> Vec<&str> {
        match &self.change {
            Change::Schema(TableChange::RenameTable { to }) => vec![&self.name, to],
            _ => vec![&self.name],
        }
    }

    pub(super) fn describe(&self) -> String {
        format!("alter table {}: {}", self.name, summary(&self.change))
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        if context.snapshot().table(&self.name).is_none() {
            return match self.if_exists {
                true => super::status(format!("table \"{}\" does not exist", self.name)),
                false => Err(context.no_table(&self.name)),
            };
        }
        let change = match self.change {
            Change::Retention(retention) => {
                context.engine().storage().set_retention(&self.name, retention).await?;
                return super::status(format!("altered table \"{}\": {}", self.name, summary(&self.change)));
            }
            Change::Schema(ref change) => change.clone(),
        };
        if names::is_kept_by_alerts(&self.name) {
            return Err(Error::invalid(format!("\"{}\" is kept by alerts and cannot be changed", self.name)));
        }
        if let TableChange::RenameTable { to } = &change {
            if names::is_built_in(&self.name) {
                return Err(Error::invalid(format!("\"{}\" is built in and cannot be renamed", self.name)));
            }
            names::check_free(to)?;
            if context.has_relation(to) {
                return Err(names::taken(to));
            }
        }
        if let TableChange::AddColumn(column) = &change {
            let table = context.snapshot().table(&self.name);
            if self.if_not_exists && table.is_some_and(|table| table.schema().column(&column.name).is_some())
            {
                return super::status(format!("column \"{}\" exists already", column.name));
            }
            let has_attributes =
                table.is_some_and(|table| table.schema().column(names::ATTRIBUTES).is_some());
            if column.from_attribute.is_some() && !has_attributes {
                return Err(Error::invalid(format!(
                    "table \"{}\" has no column \"{}\" to take an attribute from",
                    self.name,
                    names::ATTRIBUTES
                )));
            }
        }
        context.engine().storage().alter_table(&self.name, change).await?;
        super::status(format!("altered table \"{}\": {}", self.name, summary(&self.change)))
    }
}

/// What follows SET: `(retention = '90 days')`. The other options of a table hold from its first row on.
fn parse_retention(cursor: &mut Cursor<'_>) -> Result<Duration> {
    cursor.expect_symbol(&Token::LParen)?;
    let name = cursor.identifier("the name of an option")?;
    if name != "retention" {
        return Err(Error::invalid(format!(
            "SET changes the retention of a table, not its option \"{name}\""
        )));
    }
    cursor.expect_symbol(&Token::Eq)?;
    let retention = create_table::retention(&cursor.text("a duration such as '90 days'")?)?;
    cursor.expect_symbol(&Token::RParen)?;
    Ok(retention)
}

fn summary(change: &Change) -> String {
    match change {
        Change::Schema(TableChange::AddColumn(column)) => format!("added column \"{}\"", column.name),
        Change::Schema(TableChange::RenameColumn { from, to }) => {
            format!("renamed column \"{from}\" to \"{to}\"")
        }
        Change::Schema(TableChange::DropColumn { name }) => format!("dropped column \"{name}\""),
        Change::Schema(TableChange::RenameTable { to }) => format!("renamed to \"{to}\""),
        Change::Retention(Some(retention)) => {
            format!("rows are kept for {}", create_table::retention_text(*retention))
        }
        Change::Retention(None) => "rows are kept for ever".to_owned(),
    }
}
