//! Where a copy goes: a place that is ours alone while we write, and says what it is for.

use std::{
    collections::HashMap,
    fmt,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::{
    BackupOptions, BackupReport, Purpose, copy::read_whole, lease::Lease, moment::Moment, note, plan::Item,
};
use crate::{
    error::{Error, ErrorKind, Result},
    fsync, gc,
    location::Location,
    lock::Lock,
    manifest::{LogCopy, Manifest, Root, TableRecord},
    object::LocalStore,
    objects::NamedObject,
    paths,
    storage::Core,
};

/// Objects that are removed between two looks whether the place is still ours.
const REMOVALS_MAX: usize = 1000;

/// Where a backup is to lie.
#[derive(Debug)]
pub struct BackupTarget(Target);

#[derive(Debug)]
enum Target {
    Directory(PathBuf),
    Bucket { name: String, store: Arc<dyn ObjectStore> },
    Store(Arc<dyn ObjectStore>),
}

impl BackupTarget {
    /// A path or a URL, as of a database: a directory, which need not be there yet, or a prefix of a bucket.
    ///
    /// # Errors
    /// `Invalid` for a URL that is no place of a database, or lacks what its provider wants.
    pub fn parse(place: impl AsRef<FilePath>) -> Result<Self> {
        let location = Location::parse(place)?;
        Ok(match location.directory() {
            Some(directory) => Self::directory(directory),
            None => {
                Self(Target::Bucket { name: location.to_string(), store: location.connect(&Arc::default())? })
            }
        })
    }

    /// A bucket in a test.
    #[cfg(test)]
    pub(super) fn bucket(name: &str, store: Arc<dyn ObjectStore>) -> Self {
        Self(Target::Bucket { name: name.to_owned(), store })
    }

    /// A directory, which need not be there yet.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self(Target::Directory(path.into()))
    }

    /// Another store that keeps the promises of [`object`](crate::object). Nothing keeps others away from it.
    pub fn store(store: Arc<dyn ObjectStore>) -> Self {
        Self(Target::Store(store))
    }
}

impl fmt::Display for BackupTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Directory(directory) => write!(f, "{}", directory.display()),
            Target::Bucket { name, .. } => f.write_str(name),
            Target::Store(store) => write!(f, "{store}"),
        }
    }
}

/// A place that is written.
pub(super) struct Destination {
    name: String,
    purpose: Purpose,
    pub(super) places: Places,
    /// Whether it was empty.
    is_new: bool,
    /// Keeps others away from a bucket.
    lease: Option<Lease>,
    /// The objects that are there, and their sizes.
    present: HashMap<String, u64>,
    /// The root of the copy before.
    before: Option<Root>,
    _lock: Option<Lock>,
}

/// Where objects and roots go.
pub(super) struct Places {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) manifest: Manifest,
}

impl Places {
    /// Stores an object, and reads it back.
    pub(super) async fn put(&self, path: &str, content: Bytes) -> Result<()> {
        let put = self.store.put(&Path::from(path), content.clone().into()).await;
        put.map_err(|error| Error::object(format_args!("write {path} of the copy"), error))?;
        match read_whole(self.store.as_ref(), path).await? == content {
            true => Ok(()),
            false => Err(Error::corrupted(path, "the copy does not have the bytes that were written")),
        }
    }
}

impl Destination {
    /// Takes a place for a copy of a database: it must be empty, or hold what an earlier copy of this database left.
    pub(super) async fn open(
        core: &Core,
        target: BackupTarget,
        purpose: Purpose,
        database: String,
    ) -> Result<Self> {
        let name = target.to_string();
        let is_bucket = matches!(target.0, Target::Bucket { .. });
        let (store, lock) = match target.0 {
            Target::Bucket { store, .. } | Target::Store(store) => (store, None),
            Target::Directory(directory) => {
                // 1. before anything is written there
                refuse_inside(core.path.as_deref(), &directory)?;
                if directory.is_dir() {
                    note::check_names(&name, &note::names_in(&directory)?, purpose)?;
                } else if directory.exists() {
                    return Err(note::taken(&name, purpose));
                }
                let doing = format_args!("make the directory {name}");
                fsync::create_directories(&directory).map_err(|source| Error::io(doing, source))?;
                // 2. nobody else writes there
                let lock = Lock::acquire(&directory, core.clock.as_ref())?;
                let opened = LocalStore::open(&directory).and_then(|store| store.settle().map(|()| store));
                let opened = opened.map_err(|error| Error::object(format_args!("open {name}"), error))?;
                (Arc::new(opened) as Arc<dyn ObjectStore>, Some(lock))
            }
        };
        let places = Places { manifest: Manifest::new(Arc::clone(&store), 0), store };
        // 3. it is said what it is for before it looks like anything else
        let is_new = note::check_note(&name, &places, purpose, &database).await?;
        let lease = match is_bucket {
            true => Some(Lease::take(core, &name, &places).await?),
            false => None,
        };
        let present = HashMap::new();
        let place = Self { name, purpose, places, is_new, lease, present, before: None, _lock: lock };
        match place.look(database).await {
            Ok((before, present)) => Ok(Self { before, present, ..place }),
            Err(error) => {
                place.release().await;
                Err(error)
            }
        }
    }

    /// Finds the copy before and its objects; writes what the place is for, where that is not said.
    async fn look(&self, database: String) -> Result<(Option<Root>, HashMap<String, u64>)> {
        let Self { name, purpose, places, .. } = self;
        let before = places.manifest.newest().await?;
        match &before {
            Some(root)
                if *purpose == Purpose::Restore || root.backup_of.is_none() || root.database != database =>
            {
                return Err(note::taken(name, *purpose));
            }
            _ => {}
        }
        if self.is_new {
            note::write_note(places, *purpose, database).await?;
        }
        let mut present = HashMap::new();
        for directory in paths::OBJECT_DIRS {
            let mut found = places.store.list(Some(&Path::from(directory)));
            while let Some(object) =
                found.try_next().await.map_err(|error| Error::object("list the copy", error))?
            {
                present.insert(object.location.to_string(), object.size);
            }
        }
        Ok((before, present))
    }

    /// Keeps others away from the place, in a copy that takes long.
    pub(super) async fn keep(&self, core: &Core) -> Result<()> {
        match &self.lease {
            Some(lease) => lease.keep(core, &self.places).await,
            None => Ok(()),
        }
    }

    /// Makes sure that the place is still ours.
    async fn check(&self, core: &Core) -> Result<()> {
        match &self.lease {
            Some(lease) => lease.check(core, &self.places).await,
            None => Ok(()),
        }
    }

    /// Lets others have the place. Where nothing was copied into an empty one, it is empty again.
    pub(super) async fn release(&self) {
        if self.is_new
            && self.before.is_none()
            && self.present.is_empty()
            && let Err(error) = note::remove_note(&self.name, &self.places, self.purpose).await
        {
            tracing::warn!(%error, place = self.name, "a place stays taken for a copy");
        }
        if let Some(lease) = &self.lease {
            lease.release(&self.places).await;
        }
    }

    /// Whether an object is there already.
    pub(super) fn has(&self, item: &Item) -> bool {
        self.present.get(&item.path()).is_some_and(|bytes| item.fits(*bytes))
    }

    /// Takes note of what was copied.
    pub(super) fn add(&mut self, copied: Vec<(String, u64)>) {
        self.present.extend(copied);
    }

    /// The root of the copy, still without the log; `None` where the copy holds this moment already.
    pub(super) async fn root_for(&self, moment: &Moment, purpose: Purpose) -> Result<Option<Root>> {
        let mut root = moment.root.as_ref().clone();
        root.backup_of = match purpose {
            // the moment of a backup is one of the database that it is of
            Purpose::Backup => Some(root.version),
            Purpose::Restore => None,
        };
        (root.log_copy, root.log, root.writer) = (None, None, None);
        if self.lease.is_some() && purpose == Purpose::Restore && !moment.log.files.is_empty() {
            let message = "this backup has rows that lie in no segment, which cannot become the log of a database in a bucket: restore it \
                           into a directory";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        // they say what the segments say, and are made anew where the copy is written
        root.tables.iter_mut().map(Arc::make_mut).for_each(|table| table.id_filters.clear());
        if moment.log.files.is_empty() {
            // the log of the copy is empty, and goes on behind all that was ever in it
            let last = moment.log.last.0;
            root.tables.iter_mut().map(Arc::make_mut).for_each(|table| table.flushed = last);
            root.log_flushed = last;
        }
        let Some(before) = &self.before else { return Ok(Some(root)) };
        if before.backup_of > root.backup_of {
            let (newer, older) = (before.backup_of.unwrap_or_default(), moment.root.version);
            let message = format!(
                "{} has version {newer} of this database, which is at version {older}: it is an older copy, back it up elsewhere",
                self.name
            );
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if before.backup_of == root.backup_of && !is_same_history(before, &root) {
            let message = format!(
                "{} has another version {} of this database, which went on from an older copy: back it up elsewhere",
                self.name, moment.root.version
            );
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        let sums = |copy: &LogCopy| copy.files.iter().map(|file| file.crc32c).collect::<Vec<_>>();
        let is_same_log = before.log_copy.as_ref().map(sums).unwrap_or_default()
            == moment.log.files.iter().map(|file| crc32c::crc32c(file)).collect::<Vec<_>>();
        root.version = root.version.max(before.version + 1);
        Ok((before.backup_of != root.backup_of || !is_same_log).then_some(root))
    }

    /// Makes a copy the newest here.
    pub(super) async fn commit(&mut self, core: &Core, mut root: Root, moment: Moment) -> Result<()> {
        root.created_at = core.clock.now_ns();
        if !moment.log.files.is_empty() {
            let mut files = Vec::with_capacity(moment.log.files.len());
            for content in moment.log.files {
                let object = NamedObject {
                    id: core.ids.next_id(),
                    created_at: root.created_at,
                    bytes: content.len() as u64,
                    crc32c: crc32c::crc32c(&content),
                };
                self.places.put(&object.path(), content).await?;
                files.push(object);
            }
            let (epoch, last) = (root.writer_epoch, moment.log.last.0);
            root.log_copy = Some(LogCopy { epoch, last, files });
        }
        self.check(core).await?;
        self.places.manifest.create(&root).await?;
        self.before = Some(root);
        Ok(())
    }

    /// Removes what is not needed any more, if that is wanted.
    pub(super) async fn finish(
        &self,
        core: &Core,
        mut report: BackupReport,
        options: BackupOptions<'_>,
    ) -> Result<BackupReport> {
        // a restore that was cut off and goes on with another moment has left what that does not name
        if (options.prune || self.purpose == Purpose::Restore)
            && let Some(newest) = &self.before
        {
            self.check(core).await?;
            self.prune(core, newest, options, &mut report).await?;
        }
        if self.purpose == Purpose::Restore {
            gc::remove(&self.places.store, vec![Path::from(self.purpose.note())]).await?;
        }
        Ok(report)
    }

    /// Removes earlier backups, the oldest first, and then what only they name.
    async fn prune(
        &self,
        core: &Core,
        newest: &Root,
        options: BackupOptions<'_>,
        report: &mut BackupReport,
    ) -> Result<()> {
        let Places { store, manifest } = &self.places;
        let named = gc::named_by(manifest, &[Arc::new(newest.clone())]).await?;
        for version in manifest.versions().await?.into_iter().filter(|version| *version < newest.version) {
            manifest.remove(version).await?;
        }
        let found = futures::stream::iter(paths::OBJECT_DIRS);
        let found = found.flat_map(|directory| store.list(Some(&Path::from(directory))));
        let unnamed = found.try_filter(|object| {
            let is_unnamed = gc::birth(object).is_some() && !named.contains(object.location.as_ref());
            std::future::ready(is_unnamed)
        });
        let mut unnamed = std::pin::pin!(unnamed.try_chunks(REMOVALS_MAX));
        while let Some(objects) =
            unnamed.try_next().await.map_err(|error| Error::object("list the copy", error.1))?
        {
            options.check_cancelled()?;
            self.keep(core).await?;
            report.removed += objects.len() as u64;
            report.removed_bytes += objects.iter().map(|object| object.size).sum::<u64>();
            gc::remove(store, objects.into_iter().map(|object| object.location).collect()).await?;
        }
        Ok(())
    }
}

/// Whether two roots of one version have the same rows. Databases of one backup that both went on have the same id, and may have the
/// same version.
fn is_same_history(a: &Root, b: &Root) -> bool {
    let lists = |root: &Root| -> Vec<(u64, Vec<String>)> {
        let lists = |table: &TableRecord| table.partitions.iter().map(|entry| entry.list.clone()).collect();
        root.tables.iter().map(|table| (table.id, lists(table))).collect()
    };
    a.writer_epoch == b.writer_epoch && lists(a) == lists(b)
}

/// Fails where one of two directories lies in the other.
fn refuse_inside(database: Option<&FilePath>, copy: &FilePath) -> Result<()> {
    let Some(database) = database else { return Ok(()) };
    let (database, copy) = (real(database)?, real(copy)?);
    if copy.starts_with(&database) || database.starts_with(&copy) {
        let (copy, database) = (copy.display(), database.display());
        let message =
            format!("{copy} and the database {database} lie in each other: choose another directory");
        return Err(Error::invalid(message));
    }
    Ok(())
}

/// Where a path leads, also one whose end is not there yet.
fn real(path: &FilePath) -> Result<PathBuf> {
    let unknown = |source| Error::io(format_args!("find {}", path.display()), source);
    let path = std::path::absolute(path).map_err(unknown)?;
    for ancestor in path.ancestors() {
        if let Ok(found) = ancestor.canonicalize() {
            return Ok(found.join(path.strip_prefix(ancestor).unwrap_or(FilePath::new(""))));
        }
    }
    Ok(path)
}
