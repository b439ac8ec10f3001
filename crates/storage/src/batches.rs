//! Which batches were appended lately, so that one which a client sends again is not appended again.
//!
//! The client names a batch by a digest of it. The name travels in the log record of its rows, so it is as durable as they are: a replay
//! finds it there. Before the log forgets records, the names of the last [`BATCHES_MAX`] batches are written into an object which the root
//! names; so a name is known for as many batches, whatever flushes and restarts come between.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arrow::array::RecordBatch;
use bytes::Bytes;
use tokio::sync::watch;

use crate::{
    append::Appended,
    error::{Error, Result},
    manifest::Root,
    storage::{Core, Storage},
    wal::{CommittedGroup, Durability},
};

/// So many batches are remembered: at 100 a second those of the last ten minutes, in one MiB of the object.
pub const BATCHES_MAX: usize = 65_536;

/// Kind and name of the object.
const KIND: &str = "batches";
const NAME: &str = "appended";

/// The digest of a batch, which names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchId(pub [u8; Self::BYTES]);

impl BatchId {
    pub(crate) const BYTES: usize = 16;
}

/// The batches that are known, and those that are under way.
#[derive(Debug, Default)]
pub(crate) struct Batches(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    appended: HashSet<BatchId>,
    /// The same, oldest first.
    order: VecDeque<BatchId>,
    /// Batches under way; the channel closes when it is known how they ended.
    claimed: HashMap<BatchId, watch::Receiver<()>>,
    /// Whether the newest root lacks some.
    is_ahead: bool,
}

/// What is to be done with a batch.
enum Claim {
    /// Nothing.
    Appended,
    /// Another caller is at it.
    Elsewhere(watch::Receiver<()>),
    /// It is this caller's.
    Ours(Claimed),
}

/// A batch that one caller appends, until this is dropped.
struct Claimed {
    core: Arc<Core>,
    id: BatchId,
    _ended: watch::Sender<()>,
}

impl Drop for Claimed {
    fn drop(&mut self) {
        self.core.batches.lock().claimed.remove(&self.id);
    }
}

impl Storage {
    /// Appends rows durably, as [`append_all`](Self::append_all) does, unless a batch of this id is among the last [`BATCHES_MAX`] that were
    /// appended so: then it returns `None`, and changes nothing. Of several calls at the same time one appends.
    ///
    /// A caller who stops waiting does not take the batch back.
    ///
    /// # Errors
    /// As [`append_all`](Self::append_all). The id of a batch that failed is free again.
    pub async fn append_once(
        &self,
        id: BatchId,
        batches: Vec<(String, RecordBatch)>,
    ) -> Result<Option<Appended>> {
        let claimed = loop {
            match Core::claim(&self.core, id) {
                Claim::Appended => return Ok(None),
                // it has ended when the channel closes, which is an error to this end of it
                Claim::Elsewhere(mut ended) => drop(ended.changed().await),
                Claim::Ours(claimed) => break claimed,
            }
        };
        // the claim must not end before the log has decided, whether or not somebody still waits
        let storage = self.clone();
        let task = tokio::spawn(async move {
            let appended = storage.append_record(Some(id), &batches, Durability::Durable).await;
            drop(claimed);
            appended
        });
        let ended = task.await;
        ended.unwrap_or_else(|error| Err(Error::internal("an append stopped").with_source(error))).map(Some)
    }
}

impl Core {
    fn claim(core: &Arc<Self>, id: BatchId) -> Claim {
        let mut known = core.batches.lock();
        if known.appended.contains(&id) {
            return Claim::Appended;
        }
        if let Some(ended) = known.claimed.get(&id) {
            return Claim::Elsewhere(ended.clone());
        }
        let (sender, ended) = watch::channel(());
        known.claimed.insert(id, ended);
        Claim::Ours(Claimed { core: Arc::clone(core), id, _ended: sender })
    }

    /// Reads what the newest root knows.
    pub(crate) async fn recall_batches(&self) -> Result<()> {
        let state = self.state();
        let Some(object) = state.root().objects.get(KIND).and_then(|of_kind| of_kind.get(NAME)) else {
            return Ok(());
        };
        let content = self.reading.read_object(object).await?;
        let (ids, rest) = content.as_chunks::<{ BatchId::BYTES }>();
        if !rest.is_empty() {
            return Err(Error::corrupted(&object.path(), "it ends within the id of a batch"));
        }
        let mut known = self.batches.lock();
        ids.iter().for_each(|id| known.add(BatchId(*id)));
        known.is_ahead = false;
        Ok(())
    }

    /// Lets a root that is to be committed know the batches, if it does not. Whatever part of the log it gives up must be delivered.
    pub(crate) async fn remember_batches(&self, root: &mut Root) -> Result<()> {
        let content: Bytes = {
            let mut known = self.batches.lock();
            if !std::mem::take(&mut known.is_ahead) {
                return Ok(());
            }
            known.order.iter().flat_map(|id| id.0).collect()
        };
        match self.new_object(content).await {
            Ok(object) => {
                root.objects.entry(KIND.to_owned()).or_default().insert(NAME.to_owned(), object);
                Ok(())
            }
            Err(error) => {
                self.batches.lock().is_ahead = true;
                Err(error)
            }
        }
    }
}

impl Batches {
    /// Takes note of records that the log has made durable, before anybody can learn of them.
    pub(crate) fn deliver(&self, group: &CommittedGroup) {
        let mut ids = group.records.iter().filter_map(|committed| committed.record.batch_id).peekable();
        if ids.peek().is_some() {
            let mut known = self.lock();
            ids.for_each(|id| known.add(id));
        }
    }

    /// A commit that knew all batches came to nothing: the next one writes them again.
    pub(crate) fn forgotten(&self) {
        self.lock().is_ahead = true;
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn add(&mut self, id: BatchId) {
        if !self.appended.insert(id) {
            return;
        }
        self.is_ahead = true;
        self.order.push_back(id);
        if self.order.len() > BATCHES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.appended.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
