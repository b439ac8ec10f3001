//! The alerts that a statement can name: like tables, those that the filter of its session lets through.

use super::ALERT;
use super::definition::Definition;
use crate::catalog::Relations;
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::sql;

/// An alert of the database.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    pub(crate) name: String,
    pub(crate) definition: Definition,
}

impl Relations {
    /// The names of the alerts that the session may name, sorted, with their texts.
    pub(crate) fn alerts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.snapshot().definitions(ALERT).filter(|(name, _)| self.allows(name))
    }

    /// Finds an alert; the error names the nearest.
    pub(crate) fn alert(&self, name: &str) -> Result<Alert> {
        self.permit(name)?;
        match self.snapshot().definition(ALERT, name) {
            Some(text) => Ok(Alert { name: name.to_owned(), definition: sql::parse_alert(text)? }),
            None => Err(self.no_alert(name)),
        }
    }

    /// The error for an alert that does not exist.
    pub(crate) fn no_alert(&self, name: &str) -> Error {
        let hint = nearest(name, self.alerts().map(|(name, _)| name));
        Error::new(ErrorKind::NotFound, format!("alert \"{name}\" does not exist{hint}"))
    }
}
