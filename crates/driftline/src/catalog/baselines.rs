//! The baselines that a statement can name: like tables, those that the filter of its session lets through.

use std::sync::Arc;

use super::Relations;
use crate::baseline::{BASELINE, Baseline};
use crate::error::{Error, ErrorKind, Result, nearest};

impl Relations {
    /// The names of the baselines that the session may name, sorted.
    pub(crate) fn baselines(&self) -> impl Iterator<Item = &str> {
        self.snapshot.objects(BASELINE).map(|(name, _)| name).filter(|name| self.allows(name))
    }

    /// Finds a baseline; the error names the nearest.
    pub(crate) async fn baseline(&self, name: &str) -> Result<Arc<Baseline>> {
        self.permit(name)?;
        match self.snapshot.object(BASELINE, name) {
            Some(object) => self.engine.baselines().get(name, object, &self.snapshot).await,
            None => Err(self.no_baseline(name)),
        }
    }

    /// The error for a baseline that does not exist.
    pub(crate) fn no_baseline(&self, name: &str) -> Error {
        let hint = nearest(name, self.baselines());
        Error::new(ErrorKind::NotFound, format!("baseline \"{name}\" does not exist{hint}"))
    }
}
