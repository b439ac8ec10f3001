//! Who writes to a bucket says so there: no lock of a file system keeps a second backup away from its prefix.
//!
//! The object `LOCK` names the run that holds the place, and when it was last heard of. A run that was not heard of for [`LEASE`] is taken
//! for dead. Whoever holds the place looks again before each thing that another run would not survive: a root, and removals. Clocks of
//! machines that back up to one place must differ by less.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    gc,
    storage::Core,
};

use super::destination::Places;

/// So long a run keeps others away after it was last heard of.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// A run lets others hear of it as often as that.
const HEARD_EVERY: Duration = Duration::from_secs(30);
const LOCK: &str = "LOCK";

/// A place of a bucket that is ours.
#[derive(Debug)]
pub(super) struct Lease {
    place: String,
    run: String,
    /// When others last heard of us.
    heard_ns: AtomicI64,
}

/// What the object says.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    run: String,
    heard_ns: i64,
}

impl Lease {
    /// Takes the place, or fails with `Conflict` where another run has it.
    pub(super) async fn take(core: &Core, place: &str, places: &Places) -> Result<Self> {
        let lease =
            Self { place: place.to_owned(), run: core.ids.next_id(), heard_ns: AtomicI64::new(i64::MIN) };
        let now_ns = core.clock.now_ns();
        if lease.put(places, now_ns, PutMode::Create).await? {
            return Ok(lease);
        }
        let age = match lease.holder(places).await? {
            Some(holder) => Duration::from_nanos(u64::try_from(now_ns - holder.heard_ns).unwrap_or(0)),
            None => LEASE,
        };
        if age < LEASE {
            let message = format!(
                "another backup writes to {place}, and was last heard of {} s ago: wait until it is done; if it is dead, {} s or until the \
                 object {LOCK} is removed",
                age.as_secs(),
                (LEASE - age).as_secs(),
            );
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        lease.put(places, now_ns, PutMode::Overwrite).await?;
        lease.check(core, places).await?;
        Ok(lease)
    }

    /// Lets others hear of us, if that is due.
    pub(super) async fn keep(&self, core: &Core, places: &Places) -> Result<()> {
        let silent_ns = core.clock.now_ns().saturating_sub(self.heard_ns.load(Ordering::Relaxed));
        if u128::try_from(silent_ns).is_ok_and(|silent| silent < HEARD_EVERY.as_nanos()) {
            return Ok(());
        }
        self.check(core, places).await
    }

    /// Makes sure that the place is still ours, and stays so for a while.
    pub(super) async fn check(&self, core: &Core, places: &Places) -> Result<()> {
        match self.holder(places).await? {
            Some(holder) if holder.run == self.run => {
                self.put(places, core.clock.now_ns(), PutMode::Overwrite).await.map(drop)
            }
            _ => {
                let message = format!("another backup has taken {} over: run this one again", self.place);
                Err(Error::new(ErrorKind::Conflict, message))
            }
        }
    }

    /// Gives the place back. Where that fails, others wait until we are taken for dead.
    pub(super) async fn release(&self, places: &Places) {
        let released = match self.holder(places).await {
            Ok(Some(holder)) if holder.run == self.run => {
                gc::remove(&places.store, vec![Path::from(LOCK)]).await
            }
            other => other.map(drop),
        };
        if let Err(error) = released {
            tracing::warn!(%error, place = self.place, "the place of a backup stays taken for a while");
        }
    }

    /// Writes that we hold the place; `false` where somebody does already.
    async fn put(&self, places: &Places, now_ns: i64, mode: PutMode) -> Result<bool> {
        let content = serde_json::to_vec(&Holder { run: self.run.clone(), heard_ns: now_ns });
        let content = content.expect("two plain fields");
        let options = PutOptions { mode, ..PutOptions::default() };
        match places.store.put_opts(&Path::from(LOCK), content.into(), options).await {
            Ok(_) => {
                self.heard_ns.store(now_ns, Ordering::Relaxed);
                Ok(true)
            }
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(Error::object(format_args!("take {}", self.place), error)),
        }
    }

    /// Who holds the place; `None` for nobody, or for what cannot be read.
    async fn holder(&self, places: &Places) -> Result<Option<Holder>> {
        let read = async { places.store.get(&Path::from(LOCK)).await?.bytes().await };
        match read.await {
            Ok(content) => Ok(serde_json::from_slice(&content).ok()),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::object(format_args!("look who writes to {}", self.place), error)),
        }
    }
}
