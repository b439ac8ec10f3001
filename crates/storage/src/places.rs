//! Where manifest, segments and log of one database lie, and who may write them.
//!
//! A directory has all three and a lock. A bucket has no lock: a new writer takes the next epoch by a root of his own, and
//! fences the log (`wal/fence.rs`). The log may also lie in a directory beside the bucket. Which of the two is settled when the
//! database is made, and the root says it: a writer that looked elsewhere would not see rows that were acknowledged. Such a
//! directory is of one database for ever, and says of which: another one would take its rows for rows of its own, or remove
//! them.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use object_store::ObjectStore;
use ulid::Ulid;

use crate::{
    clock::Clock,
    error::{Error, Result},
    fsync,
    location::Location,
    lock::Lock,
    manifest::Root,
    object::{CachedStore, CountedStore, LocalStore, Requests},
    paths,
    storage::StorageBuilder,
    wal::{BucketLog, LocalLog, LogStore},
};

/// The file in a log directory that says which log it is, and which database that belongs to.
const ID_FILE: &str = "ID";
/// The same, while it is written.
const ID_FILE_UNFINISHED: &str = "ID.tmp";

pub(crate) struct Places {
    /// Held by a writer while something of the database lies in a directory.
    pub(crate) lock: Option<Lock>,
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The same with a cache on the local disk, where one is asked for.
    pub(crate) cached: Option<Arc<dyn ObjectStore>>,
    pub(crate) log: Arc<dyn LogStore>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) is_bucket: bool,
    /// The directory, where something of the database lies in one.
    pub(crate) path: Option<PathBuf>,
    /// What the log directory says of itself, where the log lies beside a bucket.
    pub(crate) log_id: Option<LogId>,
}

impl Places {
    /// The places as a writer needs them.
    pub(crate) fn open(builder: &StorageBuilder, clock: &dyn Clock) -> Result<Self> {
        let location = Location::parse(&builder.path)?;
        match location.directory() {
            Some(path) => Self::of_directory(builder, path, clock),
            None => {
                let beside = builder.options.log_directory.as_deref();
                let beside = beside.map(|directory| LogDirectory::open(directory, clock)).transpose()?;
                Self::of_bucket(builder, &location, beside)
            }
        }
    }

    fn of_directory(builder: &StorageBuilder, path: &Path, clock: &dyn Clock) -> Result<Self> {
        nothing_beside(builder)?;
        let lock = match (&builder.store, &builder.log) {
            (Some(_), Some(_)) => None,
            _ => {
                let doing = format_args!("make the directory {}", path.display());
                fsync::create_directories(path).map_err(|source| Error::io(doing, source))?;
                Some(Lock::acquire(path, clock)?)
            }
        };
        let store: Arc<dyn ObjectStore> = match &builder.store {
            Some(store) => Arc::clone(store),
            None => {
                let opened = LocalStore::open(path).and_then(|store| store.settle().map(|()| store));
                let doing = format_args!("open {}", path.display());
                Arc::new(opened.map_err(|error| Error::object(doing, error))?)
            }
        };
        let log: Arc<dyn LogStore> = match &builder.log {
            Some(log) => Arc::clone(log),
            None => {
                let directory = path.join(paths::WAL_DIR);
                let doing = format!("open the log in {}", directory.display());
                Arc::new(LocalLog::open(directory).map_err(|source| Error::io(doing, source))?)
            }
        };
        let path = lock.is_some().then(|| path.to_owned());
        Ok(Self { lock, path, ..Self::counted(store, log) })
    }

    /// The places as they lie: nothing is locked, made or settled.
    pub(crate) fn existing(builder: &StorageBuilder) -> Result<Self> {
        let location = Location::parse(&builder.path)?;
        let Some(path) = location.directory() else {
            let beside = builder.options.log_directory.as_deref();
            return Self::of_bucket(builder, &location, beside.map(LogDirectory::existing).transpose()?);
        };
        nothing_beside(builder)?;
        let store: Arc<dyn ObjectStore> = match &builder.store {
            Some(store) => Arc::clone(store),
            None => {
                let doing = format_args!("open {}", path.display());
                Arc::new(LocalStore::open_existing(path).map_err(|error| Error::object(doing, error))?)
            }
        };
        let log: Arc<dyn LogStore> = match &builder.log {
            Some(log) => Arc::clone(log),
            None => Arc::new(LocalLog::existing(path.join(paths::WAL_DIR))),
        };
        let is_local = builder.store.is_none() || builder.log.is_none();
        let path = is_local.then(|| path.to_owned());
        Ok(Self { path, ..Self::counted(store, log) })
    }

    fn of_bucket(
        builder: &StorageBuilder,
        location: &Location,
        beside: Option<LogDirectory>,
    ) -> Result<Self> {
        let requests = Arc::<Requests>::default();
        let connect = || match &builder.store {
            Some(store) => Ok(Location::prepared(Arc::clone(store), &requests)),
            None => location.connect(&requests),
        };
        let store = connect()?;
        let cache = builder.options.disk_cache.as_ref().map(|directory| {
            let limit = builder.options.disk_cache_bytes.as_u64();
            CachedStore::open(Arc::clone(&store), directory.clone(), limit).map_err(|source| {
                Error::io(format_args!("open the cache in {}", directory.display()), source)
            })
        });
        let cached = cache.transpose()?.map(|cached| Arc::new(cached) as Arc<dyn ObjectStore>);
        let (mut lock, mut log_id) = (None, None);
        let log: Arc<dyn LogStore> = match (&builder.log, beside) {
            (Some(log), _) => Arc::clone(log),
            (None, Some(beside)) => {
                (lock, log_id) = (beside.lock, Some(beside.id));
                Arc::new(beside.log)
            }
            // with a client of its own: see wal/bucket.rs
            (None, None) => {
                let log = BucketLog::new(connect()?);
                Arc::new(log.map_err(|source| Error::io("start a thread for the log", source))?)
            }
        };
        Ok(Self { lock, store, cached, log, requests, is_bucket: true, path: None, log_id })
    }

    fn counted(store: Arc<dyn ObjectStore>, log: Arc<dyn LogStore>) -> Self {
        let requests = Arc::<Requests>::default();
        let store = Arc::new(CountedStore::new(store, Arc::clone(&requests)));
        Self { lock: None, store, cached: None, log, requests, is_bucket: false, path: None, log_id: None }
    }

    /// Refuses a log that is not the one of this database. `newest` is `None` where the database is being made.
    pub(crate) fn check_log(&self, newest: Option<&Root>) -> Result<()> {
        let Some(newest) = newest else { return self.check_unused() };
        if self.is_bucket && newest.log_copy.is_some() {
            let message = "this is a backup with the end of a log: restore it into a directory";
            return Err(Error::invalid(message));
        }
        match (&self.log_id, &newest.log) {
            (Some(log_id), _) => log_id.check(newest),
            (None, Some(log)) if self.is_bucket => Err(Error::invalid(format!(
                "the log of this database lies in a directory beside the bucket whose file {ID_FILE} says {log}: name it as \
                 log_directory"
            ))),
            (None, _) => Ok(()),
        }
    }

    /// Refuses a log directory that a database has or had, for another one that is being made.
    fn check_unused(&self) -> Result<()> {
        let Some(log_id) = &self.log_id else { return Ok(()) };
        let files = self.log.list().map_err(|source| Error::io("list the log", source))?;
        // an id alone is what a creation leaves that was cut off before its root was there
        if log_id.database.is_none() && files.is_empty() {
            return Ok(());
        }
        let directory = log_id.directory.display();
        let message = format!(
            "the log directory {directory} is that of another database: a new one needs an empty directory"
        );
        Err(Error::invalid(message))
    }

    /// Makes the log directory that of a database whose root is there now.
    pub(crate) fn claim_log(&self, root: &Root) -> Result<()> {
        match &self.log_id {
            Some(log_id) if log_id.database.is_none() => {
                LogId { database: Some(root.database.clone()), ..log_id.clone() }.write()
            }
            _ => Ok(()),
        }
    }

    /// What a root of this writer says of him.
    pub(crate) fn sign(&self, root: &mut Root) {
        root.writer = self.is_bucket.then(|| Ulid::from_parts(0, rand::random()).to_string());
        root.log = self.log_id.as_ref().map(|log_id| log_id.log.clone());
    }
}

/// What is only for a bucket.
fn nothing_beside(builder: &StorageBuilder) -> Result<()> {
    let options = &builder.options;
    if options.disk_cache.is_some() {
        return Err(Error::invalid(
            "disk_cache is for a database in a bucket; a directory is on a disk already",
        ));
    }
    match &options.log_directory {
        Some(_) => Err(Error::invalid(
            "log_directory is for a database in a bucket; in a directory the log is in wal/",
        )),
        None => Ok(()),
    }
}

/// A log beside a bucket.
struct LogDirectory {
    lock: Option<Lock>,
    log: LocalLog,
    id: LogId,
}

impl LogDirectory {
    fn open(directory: &Path, clock: &dyn Clock) -> Result<Self> {
        let failed = |source| Error::io(format_args!("open the log in {}", directory.display()), source);
        fsync::create_directories(directory).map_err(failed)?;
        let lock = Some(Lock::acquire(directory, clock)?);
        let log = LocalLog::open(directory.join(paths::WAL_DIR)).map_err(failed)?;
        let id = match LogId::read(directory)? {
            Some(id) => id,
            None => {
                let log = Ulid::from_parts(0, rand::random()).to_string();
                let id = LogId { directory: directory.to_owned(), log, database: None };
                id.write()?;
                id
            }
        };
        Ok(Self { lock, log, id })
    }

    fn existing(directory: &Path) -> Result<Self> {
        let Some(id) = LogId::read(directory)? else {
            let directory = directory.display();
            let message = format!(
                "{directory} is no log directory, for it has no file {ID_FILE}: name the log_directory of this database, or none"
            );
            return Err(Error::invalid(message));
        };
        Ok(Self { lock: None, log: LocalLog::existing(directory.join(paths::WAL_DIR)), id })
    }
}

/// What a log directory says of itself, one id a line.
#[derive(Debug, Clone)]
pub(crate) struct LogId {
    directory: PathBuf,
    /// The id of the log, which roots name.
    log: String,
    /// The id of the database; `None` until that has a root, and where somebody put the directory in the place of one that was lost.
    database: Option<String>,
}

impl LogId {
    /// Refuses a log that is not the one of a root.
    pub(crate) fn check(&self, root: &Root) -> Result<()> {
        let (directory, log) = (self.directory.display(), &self.log);
        let message = match (&root.log, &self.database) {
            (None, _) if root.backup_of.is_some() => {
                "this is a backup, which has no log beside it: open it without log_directory".to_owned()
            }
            (None, _) => {
                "the log of this database lies in the bucket: open it without log_directory".to_owned()
            }
            (Some(wanted), _) if wanted != log => format!(
                "{directory} is not the log directory of this database: its file {ID_FILE} says {log}, not {wanted}"
            ),
            (Some(_), Some(database)) if *database != root.database => format!(
                "the log directory {directory} belongs to another database: its file {ID_FILE} says {database}, not {}",
                root.database
            ),
            _ => return Ok(()),
        };
        Err(Error::invalid(message))
    }

    /// Reads the file; `None` where there is none, or nothing in it.
    fn read(directory: &Path) -> Result<Option<Self>> {
        let file = directory.join(ID_FILE);
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| Error::io(format_args!("read {}", file.display()), source))?,
        };
        let mut lines = text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
        let Some(log) = lines.next() else { return Ok(None) };
        Ok(Some(Self { directory: directory.to_owned(), log, database: lines.next() }))
    }

    /// Writes the file, in one step and durably.
    fn write(&self) -> Result<()> {
        let (file, unfinished) = (self.directory.join(ID_FILE), self.directory.join(ID_FILE_UNFINISHED));
        let write = || {
            let mut written = fs::File::create(&unfinished)?;
            for line in [Some(&self.log), self.database.as_ref()].into_iter().flatten() {
                writeln!(written, "{line}")?;
            }
            written.sync_all()?;
            fs::rename(&unfinished, &file)?;
            fsync::sync_directory(&self.directory)
        };
        write().map_err(|source| Error::io(format_args!("write {}", file.display()), source))
    }
}

#[cfg(test)]
mod tests;
