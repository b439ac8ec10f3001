//! The writer's side of compactions in other processes: it takes what they offer.

use std::sync::Arc;

use object_store::{ObjectStoreExt, path::Path};

use super::compact::counted;
use crate::{
    error::{Error, Result},
    ids::Birth,
    manifest::Offer,
    segment::SegmentMeta,
    storage::Core,
};

impl Core {
    /// Takes what other processes have compacted, where nothing of it was changed meanwhile. Returns how many offers were taken.
    pub(crate) async fn take_offers(self: &Arc<Self>) -> Result<u64> {
        let mut taken = 0;
        for id in self.reading.manifest.offers().await? {
            match self.take_offer(&id).await {
                Ok(true) => taken += 1,
                Ok(false) => tracing::debug!(id, "an offer came too late"),
                Err(error) => {
                    // a writer that is one no longer leaves the offer to the next, which answers it
                    self.check_writable()?;
                    tracing::warn!(%error, id, "an offer is refused");
                }
            }
            self.reading.manifest.remove_offer(&id).await?;
        }
        Ok(taken)
    }

    async fn take_offer(self: &Arc<Self>, id: &str) -> Result<bool> {
        // what the offer names is named by no version yet: nothing may be removed until it is
        let _no_collection = self.collections.lock().await;
        let offer = self.reading.manifest.offer(id).await?;
        let Some(old) = self.meant_by(&offer).await? else { return Ok(false) };
        if let Some(problem) = offer.problem(&old) {
            return Err(Error::invalid(format!("offer {id}: {problem}")));
        }
        for segment in &offer.new {
            // the writer before us may be about to remove what was made under it
            if Birth::of(&segment.id).is_none_or(|birth| birth.is_before(self.epoch)) {
                return Ok(false);
            }
            if !self.is_there(segment).await? {
                return Ok(false);
            }
        }
        let new: Vec<_> = offer.new.into_iter().map(Arc::new).collect();
        let counted = counted(&old, &new);
        let turn = self.rewrites.lock().await;
        let is_taken = self.exchange(&turn, offer.table, &old, new).await?;
        if is_taken {
            self.maintenance.compacted(&counted);
        }
        Ok(is_taken)
    }

    /// The segments that an offer would replace; `None` where one of them is no longer what it was.
    async fn meant_by(&self, offer: &Offer) -> Result<Option<Vec<Arc<SegmentMeta>>>> {
        let state = self.state();
        let Some(record) = state.root().table_by_id(offer.table) else { return Ok(None) };
        let Some(entry) = record.partition(&offer.partition) else { return Ok(None) };
        let list = self.reading.manifest.day_list(offer.table, entry).await?;
        let find =
            |rows_id: &String| list.segments.iter().find(|segment| segment.rows_id() == rows_id.as_str());
        Ok(offer.old.iter().map(|rows_id| find(rows_id).cloned()).collect())
    }

    /// Whether a segment that was offered is there whole: a purge may have removed it.
    async fn is_there(&self, segment: &SegmentMeta) -> Result<bool> {
        match self.reading.store.head(&Path::from(segment.path.as_str())).await {
            Ok(found) => Ok(found.size == segment.bytes),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::object(format!("look for {}", segment.path), error)),
        }
    }
}
