//! The manifest: which segments are the database.
//!
//! Two levels. A root names every table with its schema and, for each of its partitions, a day list; a day list
//! names the segments of one table and partition. Both are written once. A root has a number and is created by
//! put-if-absent: of two writers that try the same number one wins, and the loser learns that it is no longer the
//! writer. What is visible changes by a new root alone, so every change of many tables and segments is one step.
//! Day lists are read when a query touches their day.

pub(crate) mod day_list;
mod envelope;
mod invariants;
mod offer;
pub(crate) mod root;

use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};

use crate::{
    cache::Cache,
    error::{Error, ErrorKind, Result},
    paths,
};

pub(crate) use day_list::DayList;
pub(crate) use offer::Offer;
pub use root::PartitionEntry;
pub(crate) use root::{LogCopy, Root, TableRecord};

/// Reads and writes the objects of the manifest.
#[derive(Debug)]
pub(crate) struct Manifest {
    store: Arc<dyn ObjectStore>,
    day_lists: Cache<DayList>,
}

impl Manifest {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, cache_bytes: usize) -> Self {
        Self { store, day_lists: Cache::new(cache_bytes) }
    }

    /// Reads the root with the highest number; `None` in an empty store.
    ///
    /// A damaged newest root is an error: an older one would silently take back what was acknowledged.
    pub(crate) async fn newest(&self) -> Result<Option<Root>> {
        match self.newest_version().await? {
            Some(version) => self.root(version).await.map(Some),
            None => Ok(None),
        }
    }

    /// The highest number of a root; `None` in an empty store.
    pub(crate) async fn newest_version(&self) -> Result<Option<u64>> {
        Ok(self.versions().await?.last().copied())
    }

    /// The numbers of all roots, ascending.
    pub(crate) async fn versions(&self) -> Result<Vec<u64>> {
        let prefix = Path::from(paths::MANIFEST_DIR);
        let listing = self.store.list_with_delimiter(Some(&prefix)).await;
        let listing = listing.map_err(|error| Error::object("list the manifest", error))?;
        let names = listing.objects.iter().filter_map(|object| object.location.filename());
        let mut versions: Vec<u64> = names.filter_map(paths::root_version).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// Reads one root.
    pub(crate) async fn root(&self, version: u64) -> Result<Root> {
        let path = paths::root(version);
        let root: Root = envelope::open(&path, &self.read(&path).await?)?;
        if root.version != version {
            return Err(Error::corrupted(&path, format!("it calls itself version {}", root.version)));
        }
        invariants::check_root(&root).map_err(|problem| Error::corrupted(&path, problem))?;
        Ok(root)
    }

    /// Creates a root by put-if-absent.
    ///
    /// # Errors
    /// `Conflict` when the version exists: another writer took over.
    pub(crate) async fn create(&self, root: &Root) -> Result<()> {
        invariants::check_root(root)
            .map_err(|problem| Error::internal(format!("root {}: {problem}", root.version)))?;
        let path = paths::root(root.version);
        self.put(&path, envelope::seal(root)?).await.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                let message = format!("{path} exists already: another writer has taken over this database");
                Error::new(ErrorKind::Conflict, message).with_source(error)
            }
            _ => error,
        })
    }

    /// Says whether a root exists, after an attempt to create it failed in an unknown way.
    pub(crate) async fn exists(&self, version: u64) -> Result<bool> {
        match self.store.head(&Path::from(paths::root(version))).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::object(format!("look for {}", paths::root(version)), error)),
        }
    }

    /// Removes a root; one that is gone already is no error.
    pub(crate) async fn remove(&self, version: u64) -> Result<()> {
        match self.store.delete(&Path::from(paths::root(version))).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::object(format!("remove {}", paths::root(version)), error)),
        }
    }

    /// Reads the segments of one partition.
    pub(crate) async fn day_list(&self, table: u64, entry: &PartitionEntry) -> Result<Arc<DayList>> {
        if let Some(list) = self.day_lists.get(&entry.list) {
            return Ok(list);
        }
        let list = Arc::new(self.read_day_list(table, entry).await?);
        self.day_lists.insert(&entry.list, Arc::clone(&list), list.memory_size());
        Ok(list)
    }

    /// Reads the segments of one partition from the store, past the cache.
    pub(crate) async fn read_day_list(&self, table: u64, entry: &PartitionEntry) -> Result<DayList> {
        let path = paths::day_list(&entry.list);
        let list: DayList = envelope::open(&path, &self.read(&path).await?)?;
        invariants::check_day_list(table, entry, &list)
            .map_err(|problem| Error::corrupted(&path, problem))?;
        Ok(list)
    }

    /// Writes the segments of one partition and returns what the root says of them.
    pub(crate) async fn put_day_list(&self, list: DayList) -> Result<PartitionEntry> {
        let entry = list.entry();
        invariants::check_day_list(list.table, &entry, &list)
            .map_err(|problem| Error::internal(format!("day list {}: {problem}", list.id)))?;
        self.put(&paths::day_list(&list.id), envelope::seal(&list)?).await?;
        let list = Arc::new(list);
        self.day_lists.insert(&list.id, Arc::clone(&list), list.memory_size());
        Ok(entry)
    }

    async fn read(&self, path: &str) -> Result<bytes::Bytes> {
        let wrap = |error| match error {
            object_store::Error::NotFound { .. } => Error::corrupted(path, "it is missing"),
            error => Error::object(format!("read {path}"), error),
        };
        let object = self.store.get(&Path::from(path)).await.map_err(wrap)?;
        object.bytes().await.map_err(wrap)
    }

    async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.store.put_opts(&Path::from(path), bytes.into(), options).await;
        put.map(drop).map_err(|error| Error::object(format!("write {path}"), error))
    }
}

#[cfg(test)]
mod tests;
