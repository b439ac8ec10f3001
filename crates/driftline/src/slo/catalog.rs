//! The SLOs that a statement can name: like tables, those that the filter of its session lets through.

use super::SLO;
use super::definition::Definition;
use crate::catalog::Relations;
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::sql;

/// An SLO of the database.
#[derive(Clone, Debug)]
pub(crate) struct Slo {
    pub(crate) name: String,
    pub(crate) definition: Definition,
}

impl Relations {
    /// The names of the SLOs that the session may name, sorted, with their texts.
    pub(crate) fn slos(&self) -> impl Iterator<Item = (&str, &str)> {
        self.snapshot().definitions(SLO).filter(|(name, _)| self.allows(name))
    }

    /// Finds an SLO; the error names the nearest.
    pub(crate) fn slo(&self, name: &str) -> Result<Slo> {
        self.permit(name)?;
        match self.snapshot().definition(SLO, name) {
            Some(text) => Ok(Slo { name: name.to_owned(), definition: sql::parse_slo(text)? }),
            None => Err(self.no_slo(name)),
        }
    }

    /// The error for an SLO that does not exist.
    pub(crate) fn no_slo(&self, name: &str) -> Error {
        let hint = nearest(name, self.slos().map(|(name, _)| name));
        Error::new(ErrorKind::NotFound, format!("SLO \"{name}\" does not exist{hint}"))
    }
}
