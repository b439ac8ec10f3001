//! Where log files live: a directory of a disk, a bucket, or a simulation of a disk.
//!
//! The contract of [`LogStore`], which the simulation in [`testing`](crate::testing) keeps too: creating, truncating and
//! removing are durable when they return; appended bytes are durable after the next [`LogFile::sync`], and until then a
//! crash may lose or garble any of them.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::fsync;

/// The file-name extension of log files.
pub(crate) const EXTENSION: &str = ".wal";

/// How a log store keeps what is appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLayout {
    /// Files that grow with each sync, named by their writer. The last one may have a torn tail.
    Files,
    /// Objects, each of them made by one sync, whole or absent, and named by its first position: of two writers that append
    /// behind the same position only one can.
    Objects,
}

/// A flat set of log files.
pub trait LogStore: Debug + Send + Sync {
    /// How it keeps what is appended.
    fn layout(&self) -> LogLayout {
        LogLayout::Files
    }

    /// Creates an empty file that must not exist yet, durably.
    ///
    /// # Errors
    /// Of the file system; `AlreadyExists` when there is such a file.
    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>>;

    /// Lists the names of all log files, in no particular order.
    ///
    /// # Errors
    /// Of the file system.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Lists the names of all log files with their lengths, in no particular order. Files that go meanwhile are left out.
    ///
    /// # Errors
    /// Of the file system.
    fn sizes(&self) -> io::Result<Vec<(String, u64)>> {
        let mut sizes = Vec::new();
        for name in self.list()? {
            match self.len(&name) {
                Ok(bytes) => sizes.push((name, bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sizes)
    }

    /// Opens a file for reading, to be streamed: it may be larger than memory allows.
    ///
    /// # Errors
    /// Of the file system.
    fn open_read(&self, name: &str) -> io::Result<Box<dyn LogRead>>;

    /// The length of a file in bytes.
    ///
    /// # Errors
    /// Of the file system.
    fn len(&self, name: &str) -> io::Result<u64>;

    /// Cuts a file to `len` bytes, durably.
    ///
    /// # Errors
    /// Of the file system.
    fn truncate(&self, name: &str, len: u64) -> io::Result<()>;

    /// Removes a file, durably.
    ///
    /// # Errors
    /// Of the file system.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Removes files in this order, durably; one that is gone already is no error. Returns how many of the first are gone.
    ///
    /// # Errors
    /// Of the file system, beside the number.
    fn remove_all(&self, names: &[&str]) -> (usize, io::Result<()>) {
        for (gone, name) in names.iter().enumerate() {
            match self.remove(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return (gone, Err(error)),
                _ => {}
            }
        }
        (names.len(), Ok(()))
    }
}

/// A log file open for appending.
pub trait LogFile: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// Of the file system; any prefix of the bytes may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// Of the file system; nothing appended since the last sync can be relied on then, not even by a second sync.
    fn sync(&mut self) -> io::Result<()>;
}

/// A log file open for reading.
pub trait LogRead: Read + Seek + Send {}

impl<T: Read + Seek + Send> LogRead for T {}

/// Log files in a directory of the local file system. It syncs the file on `sync`, and the directory on every change of it.
#[derive(Debug)]
pub struct LocalLog {
    directory: PathBuf,
}

impl LocalLog {
    /// Opens a directory of log files, creating it when it is missing.
    ///
    /// # Errors
    /// Of the file system.
    pub fn open(directory: impl Into<PathBuf>) -> io::Result<Self> {
        let directory = directory.into();
        fsync::create_directories(&directory)?;
        Ok(Self { directory })
    }

    /// Takes a directory of log files as it is, for reading. A missing one holds no files: a copy of a closed database
    /// may lack it.
    pub(crate) fn existing(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl LogStore for LocalLog {
    fn create(&self, name: &str) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new().append(true).create_new(true).open(self.path(name))?;
        fsync::sync_directory(&self.directory)?;
        Ok(Box::new(LocalFile { file }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension().is_some_and(|extension| extension == &EXTENSION[1..]) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open_read(&self, name: &str) -> io::Result<Box<dyn LogRead>> {
        Ok(Box::new(File::open(self.path(name))?))
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path(name))?.len())
    }

    fn truncate(&self, name: &str, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.path(name))?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))?;
        fsync::sync_directory(&self.directory)
    }
}

#[derive(Debug)]
struct LocalFile {
    file: File,
}

impl LogFile for LocalFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // syncs the length too: without it the new bytes could not be read back
        self.file.sync_data()
    }
}
