//! The log of a simulated disk.

use std::fmt::Display;
use std::io::{self, Cursor};

use super::disk::{SimFile, State};
use super::{Operation, SimDisk};
use crate::wal::{LogFile, LogRead, LogStore};

/// The log files of a [`SimDisk`].
#[derive(Debug)]
pub struct SimLog {
    disk: SimDisk,
}

impl SimLog {
    pub(super) fn new(disk: SimDisk) -> Self {
        Self { disk }
    }
}

impl LogStore for SimLog {
    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        operate(&self.disk, Operation::Write, format_args!("create {name}"), |state| {
            if state.files.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.files.insert(name.to_owned(), SimFile::default());
            Ok(())
        })?;
        Ok(Box::new(SimLogFile { disk: self.disk.clone(), name: name.to_owned() }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        operate(&self.disk, Operation::Read, format_args!("list the log"), |state| {
            Ok(state.files.keys().cloned().collect())
        })
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn LogRead>> {
        operate(&self.disk, Operation::Read, format_args!("read {name}"), |state| {
            let bytes = file(state, name)?.bytes.clone();
            Ok(Box::new(Cursor::new(bytes)) as Box<dyn LogRead>)
        })
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        operate(&self.disk, Operation::Read, format_args!("ask for the length of {name}"), |state| {
            Ok(file(state, name)?.bytes.len() as u64)
        })
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        operate(&self.disk, Operation::Write, format_args!("truncate {name}"), |state| {
            let file = file(state, name)?;
            let len = usize::try_from(len).map_err(io::Error::other)?;
            file.bytes.resize(len, 0);
            file.synced = len;
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        operate(&self.disk, Operation::Write, format_args!("remove {name}"), |state| {
            state.files.remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }
}

struct SimLogFile {
    disk: SimDisk,
    name: String,
}

impl LogFile for SimLogFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let doing = format_args!("append to {}", self.name);
        let mut state = self.disk.lock();
        let begun = state.begin(Operation::Write, &doing);
        // a failed write may have written a part
        let written = match &begun {
            Ok(_) => bytes,
            Err(_) if state.is_alive() => &bytes[..bytes.len() / 2],
            Err(_) => &[],
        };
        file(&mut state, &self.name)?.bytes.extend_from_slice(written);
        state.finish(begun?, &doing)
    }

    fn sync(&mut self) -> io::Result<()> {
        let doing = format_args!("sync {}", self.name);
        let mut state = self.disk.lock();
        let begun = state.begin(Operation::Write, &doing);
        let alive = state.is_alive();
        let file = file(&mut state, &self.name)?;
        file.sync_failed |= begun.is_err() && alive;
        let begun = begun?;
        if !file.sync_failed {
            file.synced = file.bytes.len();
        }
        state.finish(begun, &doing)
    }
}

fn operate<T>(
    disk: &SimDisk,
    operation: Operation,
    doing: impl Display,
    happen: impl FnOnce(&mut State) -> io::Result<T>,
) -> io::Result<T> {
    let mut state = disk.lock();
    let begun = state.begin(operation, &doing)?;
    let result = happen(&mut state)?;
    state.finish(begun, &doing)?;
    Ok(result)
}

fn file<'a>(state: &'a mut State, name: &str) -> io::Result<&'a mut SimFile> {
    state
        .files
        .get_mut(name)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no log file {name}")))
}
