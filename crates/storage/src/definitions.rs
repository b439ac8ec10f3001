//! Definitions: named texts of the layers above, such as the queries of views. They live in the root, so that a snapshot has those
//! of its moment and they come back after a restart. What they mean is no business of this crate.

use crate::{
    error::{Error, ErrorKind, Result},
    storage::Storage,
};

/// Most definitions of one kind: every one is in every root.
const DEFINITIONS_MAX: usize = 4_096;
/// Longest text of a definition, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1_024;

impl Storage {
    /// Keeps a text under a kind and a name, durable when the call returns.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken and `replace` is false; `ResourceExhausted` for too many or too long ones.
    pub async fn put_definition(&self, kind: &str, name: &str, text: &str, replace: bool) -> Result<()> {
        self.core.check_writable()?;
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("a {kind} has at most {TEXT_BYTES_MAX} bytes, {name:?} has {}", text.len());
            return Err(Error::new(ErrorKind::ResourceExhausted, message));
        }
        let mut commit = self.core.begin().await?;
        let of_kind = commit.root.definitions.entry(kind.to_owned()).or_default();
        if !replace && of_kind.contains_key(name) {
            return Err(Error::new(ErrorKind::AlreadyExists, format!("{kind} {name:?} exists already")));
        }
        of_kind.insert(name.to_owned(), text.to_owned());
        if of_kind.len() > DEFINITIONS_MAX {
            let message = format!("a database has at most {DEFINITIONS_MAX} definitions of kind {kind}");
            return Err(Error::new(ErrorKind::ResourceExhausted, message));
        }
        commit.finish(Vec::new()).await.map(drop)
    }

    /// Forgets a definition.
    ///
    /// # Errors
    /// `NotFound` when there is none of this kind and name.
    pub async fn drop_definition(&self, kind: &str, name: &str) -> Result<()> {
        self.core.check_writable()?;
        let mut commit = self.core.begin().await?;
        let of_kind = commit.root.definitions.get_mut(kind);
        if of_kind.and_then(|of_kind| of_kind.remove(name)).is_none() {
            return Err(Error::new(ErrorKind::NotFound, format!("no {kind} {name:?}")));
        }
        commit.finish(Vec::new()).await.map(drop)
    }
}
