//! Where the database lies that a command is about.

use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use driftline::storage::Location;
use driftline::{Database, DatabaseBuilder};

use crate::failure::Failure;

/// A database that the command line names.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
    log_dir: Option<PathBuf>,
}

impl Place {
    pub(crate) fn new(path: PathBuf, log_dir: Option<PathBuf>) -> Self {
        Self { path, log_dir }
    }

    /// Fails where no database can be. Whether there is one in a bucket is seen when it is opened.
    pub(crate) fn check_exists(&self) -> Result<()> {
        let location = Location::parse(&self.path).map_err(driftline::Error::from)?;
        let Some(directory) = location.directory() else { return Ok(()) };
        let manifest = directory.join("manifest");
        match std::fs::metadata(&manifest) {
            Ok(found) if found.is_dir() => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(error).with_context(|| format!("cannot read '{}'", manifest.display()))
            }
            _ => Err(Failure::not_found(format!(
                "there is no database at '{}' (ingest and import create one; so does sql --create)",
                directory.display()
            ))),
        }
    }

    /// Starts to open it.
    pub(crate) fn builder(&self) -> DatabaseBuilder {
        self.log_of(Database::builder(&self.path))
    }

    /// What the command line says of the log goes above what a file says.
    pub(crate) fn log_of(&self, database: DatabaseBuilder) -> DatabaseBuilder {
        match &self.log_dir {
            Some(directory) => database.log_directory(directory),
            None => database,
        }
    }

    /// How it is named.
    pub(crate) fn display(&self) -> std::path::Display<'_> {
        self.path.display()
    }
}
