//! Making names durable: a synced file is lost all the same when the directory that names it is not synced.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Makes the names in a directory durable: files created, renamed into it or removed from it.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    // other systems neither need it nor let a directory be opened
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Creates a directory and its missing parents, and makes every new name durable.
pub(crate) fn create_directories(directory: &Path) -> io::Result<()> {
    let mut missing: Vec<PathBuf> = Vec::new();
    let mut existing = directory;
    while !existing.is_dir() {
        missing.push(existing.to_owned());
        existing = match existing.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
    }
    for path in missing.into_iter().rev() {
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            result => result?,
        }
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent)?,
            _ => sync_directory(Path::new("."))?,
        }
    }
    Ok(())
}
