//! What a session may do: roles decide statements, a filter decides names.

use std::collections::BTreeSet;
use std::fmt;

use super::SessionSettings;
use crate::error::{Error, ErrorKind, Result};
use crate::sql::Statement;

/// Which statements a session may send. Each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Queries, SHOW, DESCRIBE, EXPLAIN.
    Read,
    /// INSERT, appending rows, FLUSH.
    Write,
    /// CREATE, ALTER and DROP; DELETE and COMPACT; COPY and external tables where files are allowed; other users' queries.
    #[default]
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        })
    }
}

impl std::str::FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            other => Err(Error::invalid(format!("a role is read, write or admin, got \"{other}\""))),
        }
    }
}

/// The tables, views and baselines that a session may name. A view may be read without those that it stands on: so it is the way
/// to show somebody a part of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFilter(BTreeSet<String>);

impl TableFilter {
    /// Allows these names, as they are written in `driftline.tables`.
    pub fn of<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Whether a table, view or baseline of this name may be named.
    pub fn allows(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

impl SessionSettings {
    /// Fails for a statement that the role does not have, or that changes a table that may not be named. The names that it reads
    /// are looked at when it is planned.
    pub(super) fn permit(&self, statement: &Statement) -> Result<()> {
        let (role, verb) = statement.needs();
        self.permit_role(role, verb)?;
        statement.changes().into_iter().try_for_each(|name| self.permit_name(name))
    }

    /// Fails where the role is too small.
    pub(crate) fn permit_role(&self, needed: Role, what: &str) -> Result<()> {
        match self.role >= needed {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::PermissionDenied,
                format!("{what} needs the role {needed}, this session has {}", self.role),
            )),
        }
    }

    /// Fails for a table, view or baseline that may not be named, whether there is one or not.
    pub(crate) fn permit_name(&self, name: &str) -> Result<()> {
        match self.allows(name) {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::PermissionDenied,
                format!("\"{name}\" is not among the names that this session may use"),
            )),
        }
    }

    /// Whether a table, view or baseline of this name may be named.
    pub(crate) fn allows(&self, name: &str) -> bool {
        self.tables.as_ref().is_none_or(|tables| tables.allows(name))
    }
}
