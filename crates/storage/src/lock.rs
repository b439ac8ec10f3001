//! One writer a directory: an advisory lock on the file `LOCK`.
//!
//! The kernel owns the lock, so it ends with the process, however that ends. The file's content only names the holder for
//! the error of the next one; it is written after the lock is taken and proves nothing by itself.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{Clock, Error, ErrorKind, Result};

/// The name of the lock file in the directory of a database.
const LOCK_FILE: &str = "LOCK";

/// The most bytes that a holder may write about itself.
const HOLDER_BYTES_MAX: u64 = 4096;

/// The right to write to a database. Dropping it gives the right back.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

/// Gives the lock back by itself and not by closing the file: a program that is being started from another thread has a copy of the
/// open file for a moment, and would keep the lock as long.
impl Drop for Lock {
    fn drop(&mut self) {
        // what cannot be unlocked is unlocked when the file is closed
        let _ = self.file.unlock();
    }
}

/// Who holds the lock.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    program: String,
    since: String,
}

impl Lock {
    /// Takes the lock of the database in `directory`, or fails with `Conflict`, naming the holder.
    pub(crate) fn acquire(directory: &Path, clock: &dyn Clock) -> Result<Self> {
        let path = directory.join(LOCK_FILE);
        let unusable = |doing: &str, source| Error::io(format_args!("{doing} {}", path.display()), source);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
        let mut file = options.open(&path).map_err(|source| unusable("open", source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(directory, &file)),
            Err(TryLockError::Error(source)) => return Err(unusable("lock", source)),
        }
        let holder = Holder { pid: std::process::id(), program: program(), since: rfc3339(clock.now_ns()) };
        let line = serde_json::to_string(&holder).expect("three plain fields");
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            writeln!(file, "{line}")
        };
        write(&mut file).map_err(|source| unusable("write", source))?;
        Ok(Self { file })
    }
}

fn held(directory: &Path, file: &File) -> Error {
    let mut line = String::new();
    // what cannot be read is not needed: the holder may be writing it just now
    let holder = file.take(HOLDER_BYTES_MAX).read_to_string(&mut line).ok();
    let holder = holder.and_then(|_| serde_json::from_str::<Holder>(&line).ok());
    let by = match holder {
        Some(Holder { pid, program, since }) => format!("by process {pid} ({program}) since {since}"),
        None => "by another process".to_owned(),
    };
    Error::new(ErrorKind::Conflict, format!("database {} is open for writing {by}", directory.display()))
}

/// The program's name and, when it is a plain word, its first argument: `driftline demo`.
fn program() -> String {
    let mut arguments = std::env::args_os();
    let executable = arguments.next().unwrap_or_default();
    let name = Path::new(&executable).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let is_plain = |word: &String| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    match arguments.next().and_then(|argument| argument.into_string().ok()).filter(is_plain) {
        Some(word) => format!("{name} {word}"),
        None => name,
    }
}

fn rfc3339(now_ns: i64) -> String {
    let since_epoch = Duration::from_nanos(u64::try_from(now_ns).unwrap_or_default());
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since_epoch).to_string()
}

#[cfg(test)]
mod tests;
