//! Where manifest, segments and log of one database lie, and who may write them.
//!
//! A directory has all three and a lock. A bucket has no lock: a new writer takes the next epoch by a root of his own, and
//! fences the log (`wal/fence.rs`). The log may also lie in a directory beside the bucket. Which of the two is settled when the
//! database is made, and the root says it: a writer that looked elsewhere would not see rows that were acknowledged.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use object_store::ObjectStore;
use ulid::Ulid;

use crate::{
    clock::Clock,
    error::{Error, ErrorKind, Result},
    fsync,
    location::Location,
    lock::Lock,
    manifest::Root,
    object::{CachedStore, CountedStore, LocalStore, Requests},
    paths,
    storage::StorageBuilder,
    wal::{BucketLog, LocalLog, LogStore},
};

/// The file in a log directory that says which database the log belongs to.
const ID_FILE: &str = "ID";

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
    /// The id of the log directory, where the log lies beside a bucket.
    pub(crate) log_id: Option<String>,
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
        if self.is_bucket && newest.is_some_and(|newest| newest.log_copy.is_some()) {
            let message = "this is a backup with the end of a log: restore it into a directory";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let Some(newest) = newest.filter(|newest| self.is_bucket && newest.log != self.log_id) else {
            return Ok(());
        };
        let message = match (&newest.log, &self.log_id) {
            (None, _) => {
                "the log of this database lies in the bucket: open it without log_directory".to_owned()
            }
            (Some(id), None) => format!(
                "the log of this database lies in a directory beside the bucket whose file {ID_FILE} says {id}: name it as \
                 log_directory"
            ),
            (Some(id), Some(other)) => {
                format!(
                    "the log directory belongs to another database: its file {ID_FILE} says {other}, not {id}"
                )
            }
        };
        Err(Error::new(ErrorKind::Invalid, message))
    }

    /// What a root of this writer says of him.
    pub(crate) fn sign(&self, root: &mut Root) {
        root.writer = self.is_bucket.then(|| Ulid::from_parts(0, rand::random()).to_string());
        root.log.clone_from(&self.log_id);
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
    id: String,
}

impl LogDirectory {
    fn open(directory: &Path, clock: &dyn Clock) -> Result<Self> {
        let failed = |source| Error::io(format_args!("open the log in {}", directory.display()), source);
        fsync::create_directories(directory).map_err(failed)?;
        let lock = Some(Lock::acquire(directory, clock)?);
        let log = LocalLog::open(directory.join(paths::WAL_DIR)).map_err(failed)?;
        let file = directory.join(ID_FILE);
        if !file.exists() {
            let id = Ulid::from_parts(0, rand::random()).to_string();
            let write = || {
                let mut file = fs::File::create(&file)?;
                writeln!(file, "{id}")?;
                file.sync_all()?;
                fsync::sync_directory(directory)
            };
            write().map_err(failed)?;
        }
        let id = fs::read_to_string(&file).map_err(failed)?.trim().to_owned();
        Ok(Self { lock, log, id })
    }

    fn existing(directory: &Path) -> Result<Self> {
        let failed = |source| Error::io(format_args!("open the log in {}", directory.display()), source);
        let id = fs::read_to_string(directory.join(ID_FILE)).map_err(failed)?.trim().to_owned();
        Ok(Self { lock: None, log: LocalLog::existing(directory.join(paths::WAL_DIR)), id })
    }
}

#[cfg(test)]
mod tests;
