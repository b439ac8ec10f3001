//! The directory of a cache: blocks of objects, each in a file of its own with a checksum behind it.
//!
//! The name of a file begins with that of its object, also while it is written. So all that lies here of an object is found and removed,
//! however large it was and whichever process wrote it; what reads bring of it that are still under way is not kept any more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::lock;
use crate::fsync;

/// Behind each block in its file.
const CHECKSUM_BYTES: usize = 4;
/// The end of the names of files that are being written.
const TEMPORARY: &str = ".tmp";
/// A file that has been written for longer was left by a process that was killed.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(60 * 60);

/// The directory of the blocks.
pub(super) struct Disk {
    pub(super) directory: PathBuf,
    bytes_max: u64,
    kept: Mutex<Kept>,
    temporary: AtomicU64,
}

/// What lies in the directory, as far as this process knows.
#[derive(Default)]
struct Kept {
    files: BTreeMap<String, File>,
    /// Names by the turn of their last use.
    turns: BTreeMap<u64, String>,
    turn: u64,
    bytes: u64,
    /// The objects that somebody reads from the store or removes there.
    busy: HashMap<String, Busy>,
}

struct File {
    bytes: u64,
    turn: u64,
}

#[derive(Default)]
struct Busy {
    users: usize,
    is_removed: bool,
}

/// Somebody reads an object from the store, or removes it there.
pub(super) struct InUse {
    disk: Arc<Disk>,
    object: String,
}

/// What lies under a name: when it was written last, the name, and its size.
type Found = (SystemTime, String, u64);

impl Disk {
    /// Opens a directory, and goes on with the blocks that lie there.
    ///
    /// # Errors
    /// Of the file system, for a directory that cannot be made or read.
    pub(super) fn open(directory: PathBuf, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        let entries = fs::read_dir(&directory)?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let found = look(&directory, names.collect::<io::Result<Vec<String>>>()?)?;
        let (unfinished, mut blocks): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|(_, name, _)| is_temporary(name));
        remove_abandoned(&directory, &unfinished);
        blocks.sort_unstable();
        let mut kept = Kept::default();
        for (_, name, bytes) in blocks {
            kept.keep(name, bytes);
        }
        let disk = Self { directory, bytes_max, kept: Mutex::new(kept), temporary: AtomicU64::new(0) };
        disk.make_room();
        Ok(disk)
    }

    /// Begins to read an object from the store, or to remove it there.
    pub(super) fn begin(self: &Arc<Self>, object: &str) -> InUse {
        self.lock().busy.entry(object.to_owned()).or_default().users += 1;
        InUse { disk: Arc::clone(self), object: object.to_owned() }
    }

    /// Reads a block; `None` where there is none, or none that is whole.
    pub(super) fn take(&self, object: &str, block: u64) -> Option<Bytes> {
        let name = block_name(object, block);
        if !self.lock().touch(&name) {
            return None;
        }
        let path = self.directory.join(&name);
        let content = fs::read(&path).unwrap_or_default();
        let split = content.len().checked_sub(CHECKSUM_BYTES);
        let is_whole = split.is_some_and(|split| {
            let (block, checksum) = content.split_at(split);
            crc32c::crc32c(block).to_le_bytes() == checksum
        });
        if !is_whole {
            tracing::warn!(block = %path.display(), "a block of the cache is damaged, and is read again");
            self.lock().forget(&name);
            drop(fs::remove_file(&path));
            return None;
        }
        let mut content = Bytes::from(content);
        content.truncate(content.len() - CHECKSUM_BYTES);
        Some(content)
    }

    /// Removes what was used longest ago until the rest is within the limit.
    fn make_room(&self) {
        let mut going = Vec::new();
        {
            let mut kept = self.lock();
            while kept.bytes > self.bytes_max
                && let Some((_, name)) = kept.turns.first_key_value()
            {
                let name = name.clone();
                kept.forget(&name);
                going.push(name);
            }
        }
        going.iter().for_each(|name| drop(fs::remove_file(self.directory.join(name))));
    }

    /// Removes what is kept of objects. Nothing of one is kept again while its removal is in use, nor by who began to read it before.
    pub(super) fn remove<'a>(&self, removals: impl IntoIterator<Item = &'a InUse>) {
        let objects: HashSet<&str> = removals.into_iter().map(|removal| removal.object.as_str()).collect();
        if objects.is_empty() {
            return;
        }
        {
            let mut kept = self.lock();
            for object in &objects {
                if let Some(busy) = kept.busy.get_mut(*object) {
                    busy.is_removed = true;
                }
                kept.forget_all(object);
            }
        }
        match self.unlink_all(&objects) {
            // a cache that is gone has nothing of them
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let (directory, objects) = (self.directory.display(), objects.len());
                tracing::warn!(%error, %directory, objects, "blocks of removed objects stay in the cache");
            }
            _ => {}
        }
    }

    /// Removes all files of some objects, for good.
    fn unlink_all(&self, objects: &HashSet<&str>) -> io::Result<()> {
        let (mut is_changed, mut outcome) = (false, Ok(()));
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if !object_of(&entry.file_name().to_string_lossy()).is_some_and(|object| objects.contains(object))
            {
                continue;
            }
            is_changed = true;
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => outcome = Err(error),
                _ => {}
            }
        }
        if is_changed {
            fsync::sync_directory(&self.directory)?;
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }
}

impl InUse {
    /// Keeps a block of the object, if it can be written and the object is not removed meanwhile.
    pub(super) fn put(&self, block: u64, content: &[u8]) {
        let disk = &self.disk;
        let name = block_name(&self.object, block);
        let number = disk.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = disk.directory.join(format!("{name}-{}-{number}{TEMPORARY}", std::process::id()));
        match self.write(name, &temporary, content) {
            Ok(true) => disk.make_room(),
            Ok(false) => drop(fs::remove_file(&temporary)),
            Err(error) => {
                tracing::warn!(%error, directory = %disk.directory.display(), "a block is not kept");
                drop(fs::remove_file(&temporary));
            }
        }
    }

    /// Writes a block, and gives it its name unless the object is removed: then the answer is `false`.
    fn write(&self, name: String, temporary: &FilePath, content: &[u8]) -> io::Result<bool> {
        let mut file = fs::File::create(temporary)?;
        file.write_all(content)?;
        file.write_all(&crc32c::crc32c(content).to_le_bytes())?;
        // either it has its name before the removal begins, which finds it, or it never gets it
        let mut kept = self.disk.lock();
        if kept.busy.get(&self.object).is_some_and(|busy| busy.is_removed) {
            return Ok(false);
        }
        fs::rename(temporary, self.disk.directory.join(&name))?;
        kept.keep(name, (content.len() + CHECKSUM_BYTES) as u64);
        Ok(true)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut kept = self.disk.lock();
        if let Some(busy) = kept.busy.get_mut(&self.object) {
            busy.users -= 1;
            if busy.users == 0 {
                kept.busy.remove(&self.object);
            }
        }
    }
}

impl Kept {
    fn keep(&mut self, name: String, bytes: u64) {
        self.forget(&name);
        self.turn += 1;
        self.bytes += bytes;
        self.turns.insert(self.turn, name.clone());
        self.files.insert(name, File { bytes, turn: self.turn });
    }

    /// Says whether a file is there, and notes that it is used.
    fn touch(&mut self, name: &str) -> bool {
        let Some(bytes) = self.files.get(name).map(|file| file.bytes) else { return false };
        self.keep(name.to_owned(), bytes);
        true
    }

    fn forget(&mut self, name: &str) {
        if let Some(file) = self.files.remove(name) {
            self.bytes -= file.bytes;
            self.turns.remove(&file.turn);
        }
    }

    /// Forgets all blocks of an object.
    fn forget_all(&mut self, object: &str) {
        let names = self.files.range(object.to_owned()..).map(|(name, _)| name);
        let names: Vec<String> = names.take_while(|name| name.starts_with(object)).cloned().collect();
        let names = names.into_iter().filter(|name| object_of(name) == Some(object));
        names.for_each(|name| self.forget(&name));
    }
}

fn block_name(object: &str, block: u64) -> String {
    format!("{object}-{block:06}.block")
}

/// The object of a block, by the name of its file or of one that becomes it.
fn object_of(name: &str) -> Option<&str> {
    let (block, _) = name.rsplit_once(".block")?;
    block.rsplit_once('-').map(|(object, _)| object)
}

fn is_block(name: &str) -> bool {
    name.ends_with(".block")
}

fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

/// Looks at the files of ours among some names. What is gone by now is passed over: other processes rename and remove all the time.
fn look(directory: &FilePath, names: impl IntoIterator<Item = String>) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for name in names.into_iter().filter(|name| is_block(name) || is_temporary(name)) {
        match fs::symlink_metadata(directory.join(&name)) {
            Ok(meta) => found.push((meta.modified()?, name, meta.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Removes what processes left that were killed while they wrote. What a living one writes is young.
fn remove_abandoned(directory: &FilePath, unfinished: &[Found]) {
    if unfinished.is_empty() {
        return;
    }
    let Ok(now) = now_in(directory) else { return };
    for (modified, name, _) in unfinished {
        if now.duration_since(*modified).is_ok_and(|age| age > TEMPORARY_AGE_MAX) {
            drop(fs::remove_file(directory.join(name)));
        }
    }
}

/// The time of the file system, which stamps the files: that of a file that is made now.
fn now_in(directory: &FilePath) -> io::Result<SystemTime> {
    let probe = directory.join(format!("{}-now{TEMPORARY}", std::process::id()));
    let now = fs::File::create(&probe).and_then(|file| file.metadata()?.modified());
    drop(fs::remove_file(&probe));
    now
}

#[cfg(test)]
mod tests;
