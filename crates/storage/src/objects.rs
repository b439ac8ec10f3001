//! Named objects: bytes of the layers above, such as baselines, too large for the root. Each is an immutable object of its own;
//! the root names it, with its size and checksum, so that a snapshot has those of its moment. What the bytes mean is no
//! business of this crate.

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};
use serde::{Deserialize, Serialize};

use crate::{
    check::{CheckReport, Finding},
    error::{Error, ErrorKind, Result},
    manifest::Root,
    nearest, paths,
    snapshot::{Reading, Snapshot},
    storage::{Core, Storage},
};

/// Most named objects of one kind: every one is named in every root.
const OBJECTS_MAX: usize = 4_096;
/// Largest named object: it is read whole.
pub(crate) const OBJECT_BYTES_MAX: u64 = 256 * 1_024 * 1_024;

/// What the root says of a named object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedObject {
    /// The id, which no other object of this database ever has.
    pub id: String,
    /// When it was stored, in nanoseconds since 1970.
    pub created_at: i64,
    /// Its size.
    pub bytes: u64,
    /// The checksum of all its bytes.
    pub crc32c: u32,
}

impl NamedObject {
    /// Where it lies below the root of the database.
    pub fn path(&self) -> String {
        paths::object(&self.id)
    }
}

impl Storage {
    /// Stores an object under a kind and a name, durable when the call returns. One that it replaces stays readable by
    /// snapshots that hold it.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken and `replace` is false; `ResourceExhausted` for too many or too large ones.
    pub async fn put_object(&self, kind: &str, name: &str, content: Bytes, replace: bool) -> Result<()> {
        self.core.check_writable()?;
        let bytes = content.len() as u64;
        if bytes > OBJECT_BYTES_MAX {
            let message = format!("a {kind} has at most {OBJECT_BYTES_MAX} bytes, {name:?} has {bytes}");
            return Err(Error::new(ErrorKind::ResourceExhausted, message));
        }
        let _unnamed = self.core.keep_unnamed();
        let object = self.core.new_object(content).await?;
        let mut commit = self.core.begin().await?;
        let of_kind = commit.root.objects.entry(kind.to_owned()).or_default();
        if !replace && of_kind.contains_key(name) {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("{kind} {name:?} exists already")));
        }
        of_kind.insert(name.to_owned(), object);
        if of_kind.len() > OBJECTS_MAX {
            let message = format!("a database has at most {OBJECTS_MAX} objects of kind {kind}");
            return Err(Error::new(ErrorKind::ResourceExhausted, message));
        }
        commit.finish(Vec::new()).await.map(drop)
    }

    /// Takes the name away from an object.
    ///
    /// # Errors
    /// `NotFound` when there is none of this kind and name.
    pub async fn drop_object(&self, kind: &str, name: &str) -> Result<()> {
        self.core.check_writable()?;
        let mut commit = self.core.begin().await?;
        let objects = &mut commit.root.objects;
        let Some(of_kind) = objects.get_mut(kind).filter(|of_kind| of_kind.contains_key(name)) else {
            let names = objects.get(kind).into_iter().flatten().map(|(name, _)| name.as_str());
            let hint = nearest::hint(name, names);
            return Err(Error::new(ErrorKind::NotFound, format!("no {kind} {name:?}{hint}")));
        };
        of_kind.remove(name);
        if of_kind.is_empty() {
            objects.remove(kind);
        }
        commit.finish(Vec::new()).await.map(drop)
    }
}

impl Snapshot {
    /// The named objects of a kind, by name.
    pub fn objects(&self, kind: &str) -> impl Iterator<Item = (&str, &NamedObject)> {
        let of_kind = self.root().objects.get(kind).into_iter().flatten();
        of_kind.map(|(name, object)| (name.as_str(), object))
    }

    /// Finds a named object.
    pub fn object(&self, kind: &str, name: &str) -> Option<&NamedObject> {
        self.root().objects.get(kind)?.get(name)
    }

    /// Reads the bytes of a named object, checked.
    ///
    /// # Errors
    /// `Corrupted`, naming the object, when its bytes are not those that were written; `Unavailable` where the store does not
    /// answer.
    pub async fn read_object(&self, object: &NamedObject) -> Result<Bytes> {
        self.reading().read_object(object).await
    }
}

impl Core {
    /// Writes an object, which is durable before a root names it. One that no root comes to name is left over, as a segment would be.
    pub(crate) async fn new_object(&self, content: Bytes) -> Result<NamedObject> {
        let object = NamedObject {
            id: self.ids.next_id(),
            created_at: self.clock.now_ns(),
            bytes: content.len() as u64,
            crc32c: crc32c::crc32c(&content),
        };
        self.reading.put_object(&object, content).await?;
        Ok(object)
    }
}

impl Reading {
    async fn put_object(&self, object: &NamedObject, content: Bytes) -> Result<()> {
        let path = object.path();
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.store.put_opts(&Path::from(path.as_str()), content.into(), options).await;
        put.map(drop).map_err(|error| Error::object(format!("write {path}"), error))
    }

    pub(crate) async fn read_object(&self, object: &NamedObject) -> Result<Bytes> {
        let path = object.path();
        let wrap = |error| match error {
            object_store::Error::NotFound { .. } => Error::corrupted(&path, "it is missing"),
            error => Error::object(format!("read {path}"), error),
        };
        let stored = self.store.get(&Path::from(path.as_str())).await.map_err(wrap)?;
        if stored.meta.size != object.bytes {
            let problem = format!("it has {} bytes, {} were written", stored.meta.size, object.bytes);
            return Err(Error::corrupted(&path, problem));
        }
        let content = stored.bytes().await.map_err(wrap)?;
        let found = crc32c::crc32c(&content);
        if found != object.crc32c {
            let problem = format!("its checksum is {found:08x}, {:08x} was written", object.crc32c);
            return Err(Error::corrupted(&path, problem));
        }
        Ok(content)
    }

    /// Reads every named object of a root and reports those whose bytes are not those that were written.
    pub(crate) async fn check_objects(&self, root: &Root, report: &mut CheckReport) {
        for object in root.named_objects() {
            report.objects += 1;
            if let Err(error) = self.read_object(object).await {
                report.findings.push(Finding { object: object.path(), problem: error.to_string() });
            }
        }
    }
}

#[cfg(test)]
mod tests;
