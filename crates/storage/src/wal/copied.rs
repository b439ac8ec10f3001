//! A log whose beginning is a copy that lies in objects: what a backup found in the log of its database.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::frame::FileName;
use super::{LogFile, LogLayout, LogRead, LogStore};

/// A log with some more files, which are whole, in memory, and only go.
#[derive(Debug)]
pub(crate) struct CopiedLog {
    copied: Mutex<BTreeMap<String, Bytes>>,
    log: Option<Arc<dyn LogStore>>,
}

impl CopiedLog {
    /// Puts the files of a copy before those of a log, if there is one.
    pub(crate) fn before(epoch: u64, files: Vec<Bytes>, log: Option<Arc<dyn LogStore>>) -> Self {
        let names = (1..).map(|sequence| FileName { epoch, sequence }.to_string());
        Self { copied: Mutex::new(names.zip(files).collect()), log }
    }

    fn copied(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.copied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> io::Result<&Arc<dyn LogStore>> {
        self.log.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl LogStore for CopiedLog {
    fn layout(&self) -> LogLayout {
        LogLayout::Files
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        self.log()?.create(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = self.copied().keys().cloned().collect();
        if let Some(log) = &self.log {
            names.extend(log.list()?);
        }
        Ok(names)
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn LogRead>> {
        if let Some(bytes) = self.copied().get(name) {
            return Ok(Box::new(Cursor::new(bytes.clone())));
        }
        self.log()?.open_read(name)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        if let Some(bytes) = self.copied().get(name) {
            return Ok(bytes.len() as u64);
        }
        self.log()?.len(name)
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        if let Some(bytes) = self.copied().get(name) {
            // it is durable, and nothing in it is torn
            return if len == bytes.len() as u64 { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) };
        }
        self.log()?.truncate(name, len)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        // the object goes when no version names it any more
        if self.copied().remove(name).is_some() {
            return Ok(());
        }
        self.log()?.remove(name)
    }
}
