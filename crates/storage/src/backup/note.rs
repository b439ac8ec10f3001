//! The first object of a copy: it says what the place is for, before that looks like anything else.

use std::path::Path as FilePath;

use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use serde::{Deserialize, Serialize};

use super::{Purpose, destination::Places};
use crate::{
    error::{Error, ErrorKind, Result},
    gc,
};

/// What lies in a directory besides objects.
const NO_OBJECTS: [&str; 3] = ["LOCK", "tmp", "spill"];
/// The version of the format of a note.
const FORMAT: u32 = 1;

/// The first object of a copy: what it is to become. In a backup it stays; a restored database is none any more.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    format: u32,
    database: String,
}

impl Purpose {
    /// The name of the note.
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Backup => "BACKUP",
            Self::Restore => "RESTORE",
        }
    }
}

/// Says what a place is for.
pub(super) async fn write_note(places: &Places, purpose: Purpose, database: String) -> Result<()> {
    let note = serde_json::to_vec(&Note { format: FORMAT, database }).expect("two plain fields");
    places.put(purpose.note(), note.into()).await
}

/// Whether the place is empty. It fails where it holds anything but an earlier copy of this database for the same purpose.
pub(super) async fn check_note(
    name: &str,
    places: &Places,
    purpose: Purpose,
    database: &str,
) -> Result<bool> {
    let found = places.store.get(&Path::from(purpose.note())).await;
    let note = match found {
        Ok(found) => found.bytes().await,
        Err(object_store::Error::NotFound { .. }) => {
            return check_names(name, &names_at(name, places).await?, purpose).map(|()| true);
        }
        Err(error) => Err(error),
    };
    let note =
        note.map_err(|error| Error::object(format_args!("read {} in {name}", purpose.note()), error))?;
    match serde_json::from_slice::<Note>(&note) {
        Ok(note) if note.format > FORMAT => {
            Err(Error::newer_format(format_args!("{} in {name}", purpose.note()), note.format, FORMAT))
        }
        Ok(note) if note.database == database => Ok(false),
        _ => Err(taken(name, purpose)),
    }
}

/// Takes back what was said of a place, where nothing else lies in it.
pub(super) async fn remove_note(name: &str, places: &Places, purpose: Purpose) -> Result<()> {
    let names = names_at(name, places).await?;
    if names.iter().all(|found| NO_OBJECTS.contains(&found.as_str()) || found == purpose.note()) {
        gc::remove(&places.store, vec![Path::from(purpose.note())]).await?;
    }
    Ok(())
}

/// The names at a place.
async fn names_at(name: &str, places: &Places) -> Result<Vec<String>> {
    let listed = places.store.list_with_delimiter(None).await;
    let listed = listed.map_err(|error| Error::object(format_args!("list {name}"), error))?;
    let objects = listed.objects.iter().map(|object| &object.location);
    Ok(objects.chain(&listed.common_prefixes).map(Path::to_string).collect())
}

/// The names in a directory.
pub(super) fn names_in(directory: &FilePath) -> Result<Vec<String>> {
    let list = || std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect();
    let names: std::io::Result<Vec<std::ffi::OsString>> = list();
    let names = names.map_err(|source| Error::io(format_args!("list {}", directory.display()), source))?;
    Ok(names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect())
}

/// Fails for a place that has names in it and no note.
pub(super) fn check_names(place: &str, names: &[String], purpose: Purpose) -> Result<()> {
    let mut names = names.iter().map(String::as_str).filter(|name| !NO_OBJECTS.contains(name));
    let is_ours = names.clone().any(|name| name == purpose.note());
    if is_ours || names.next().is_none() { Ok(()) } else { Err(taken(place, purpose)) }
}

pub(super) fn taken(place: &str, purpose: Purpose) -> Error {
    let allowed = match purpose {
        Purpose::Backup => "neither empty nor a backup of this database",
        Purpose::Restore => "not empty",
    };
    Error::new(ErrorKind::AlreadyExists, format!("{place} is {allowed}: choose another directory"))
}

/// Refuses a place without a root where a copy was begun: a new database there would be in its way, and look like what it was to become.
pub(crate) async fn refuse_unfinished(store: &dyn ObjectStore, place: &FilePath) -> Result<()> {
    for (copy, purpose) in [("restore", Purpose::Restore), ("backup", Purpose::Backup)] {
        let note = purpose.note();
        match store.head(&Path::from(note)).await {
            Ok(_) => {
                let message = format!(
                    "a {copy} into {} was cut off or is still under way, as {note} says that lies there: there is no \
                     database yet; run it again until it is done, or remove what lies there",
                    place.display()
                );
                return Err(Error::invalid(message));
            }
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(Error::object(format_args!("look for {note}"), error)),
        }
    }
    Ok(())
}
