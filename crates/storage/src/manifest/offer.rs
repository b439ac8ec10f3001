//! Offers: compactions that another process has made beside the writer, for the writer to take.
//!
//! An offer says which segments would take the place of which. It changes nothing by itself: the writer exchanges them, if they are still what
//! they were, or does not; either way it removes the offer.

use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use serde::{Deserialize, Serialize};

use super::{Manifest, envelope};
use crate::{
    error::{Error, Result},
    paths,
    segment::SegmentMeta,
};

/// Segments in the place of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Offer {
    pub(crate) id: String,
    pub(crate) table: u64,
    pub(crate) partition: String,
    /// The segments that were merged, by their [`rows_id`](SegmentMeta::rows_id).
    pub(crate) old: Vec<String>,
    pub(crate) new: Vec<SegmentMeta>,
}

impl Offer {
    /// What is wrong with it beside the segments that it would replace; `None` where nothing is.
    pub(crate) fn problem(&self, old: &[Arc<SegmentMeta>]) -> Option<&'static str> {
        let before: u64 = old.iter().map(|segment| segment.live_rows()).sum();
        let after: u64 = self.new.iter().map(|segment| segment.rows).sum();
        if self.old.is_empty() {
            return Some("it replaces nothing");
        }
        if before != after {
            return Some("it has other rows than what it replaces");
        }
        let is_foreign = |segment: &SegmentMeta| {
            segment.partition != self.partition
                || segment.deletions.is_some()
                || !segment.path.contains(&segment.id)
        };
        self.new.iter().any(is_foreign).then_some("its segments are no result of a compaction")
    }
}

impl Manifest {
    /// The ids of all offers, the oldest first.
    pub(crate) async fn offers(&self) -> Result<Vec<String>> {
        let listing = self.store.list_with_delimiter(Some(&Path::from(paths::OFFER_DIR))).await;
        let listing = listing.map_err(|error| Error::object("list offers", error))?;
        let names =
            listing.objects.iter().filter_map(|object| object.location.filename()?.strip_suffix(".json"));
        let mut ids: Vec<String> = names.map(str::to_owned).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Reads an offer.
    pub(crate) async fn offer(&self, id: &str) -> Result<Offer> {
        let path = paths::offer(id);
        envelope::open(&path, &self.read(&path).await?)
    }

    /// Makes an offer.
    pub(crate) async fn put_offer(&self, offer: &Offer) -> Result<()> {
        self.put(&paths::offer(&offer.id), envelope::seal(offer)?).await
    }

    /// Says whether an offer is neither taken nor refused yet.
    pub(crate) async fn is_offered(&self, id: &str) -> Result<bool> {
        let path = paths::offer(id);
        match self.store.head(&Path::from(path.as_str())).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(Error::object(format!("look for {path}"), error)),
        }
    }

    /// Removes an offer; one that is gone already is no error.
    pub(crate) async fn remove_offer(&self, id: &str) -> Result<()> {
        let path = paths::offer(id);
        match self.store.delete(&Path::from(path.as_str())).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::object(format!("remove {path}"), error)),
        }
    }
}
