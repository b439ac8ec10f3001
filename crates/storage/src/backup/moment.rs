//! One moment of the database: a version, and what the log has behind it.

use std::sync::Arc;

use crate::{
    error::{Error, ErrorKind, Result},
    manifest::Root,
    snapshot::Snapshot,
    storage::{Access, Storage},
    wal::{self, Copied, Position},
};

/// How often a moment is taken again because the writer made a version meanwhile.
const ATTEMPTS_MAX: usize = 64;

/// A version with the log behind it, copied into memory.
pub(super) struct Moment {
    pub(super) root: Arc<Root>,
    pub(super) log: Copied,
    /// Keeps what the root names, where this process is the writer.
    _snapshot: Snapshot,
}

impl Moment {
    /// Takes the present moment. An error comes with the version that it is about.
    pub(super) async fn take(storage: &Storage) -> Result<Self, (u64, Error)> {
        match storage.core.access {
            Access::Read => Self::beside_a_writer(storage).await,
            Access::Write | Access::Past => {
                // nothing is committed meanwhile; appends go on
                let _turn = storage.core.commits.lock().await;
                let snapshot = storage.snapshot();
                let root = Arc::new(snapshot.root().clone());
                let log = copy_log(storage, &root).await.map_err(|error| (root.version, error))?;
                Ok(Self { root, log, _snapshot: snapshot })
            }
        }
    }

    /// A version and the log behind it are one moment if there is no newer version when the log is read.
    async fn beside_a_writer(storage: &Storage) -> Result<Self, (u64, Error)> {
        let manifest = &storage.core.reading.manifest;
        let mut left = ATTEMPTS_MAX;
        loop {
            // what the reader shows may be half a second old
            let root = manifest.newest().await.map_err(|error| (0, error))?.unwrap_or_else(Root::empty);
            let (version, root) = (root.version, Arc::new(root));
            let copied = copy_log(storage, &root).await;
            let newest = manifest.newest_version().await.map_err(|error| (version, error))?.unwrap_or(0);
            left -= 1;
            match copied {
                Ok(log) if newest == version => {
                    return Ok(Self { root, log, _snapshot: storage.snapshot() });
                }
                Err(error) if newest == version => return Err((version, error)),
                // rows went from the log into segments, or were deleted
                _ if left > 0 => {}
                _ => {
                    let message = format!(
                        "the database changed {ATTEMPTS_MAX} times while its log was read: try again"
                    );
                    return Err((version, Error::new(ErrorKind::Unavailable, message)));
                }
            }
        }
    }
}

async fn copy_log(storage: &Storage, root: &Root) -> Result<Copied> {
    let core = &storage.core;
    let log = core.reading.log_of(root, Arc::clone(&core.log)).await?;
    let (from, epoch) = (Position(root.log_flushed).next(), root.writer_epoch);
    let reached = Position(root.flushed_max());
    let flushed: Vec<(u64, u64)> = root.tables.iter().map(|table| (table.id, table.flushed)).collect();
    let copied = core.work.start(move || wal::copy_behind(log.as_ref(), from, epoch, &flushed, reached));
    copied
        .await
        .unwrap_or_else(|error| Err(Error::internal("the copy of the log stopped").with_source(error)))
}
