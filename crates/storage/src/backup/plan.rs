//! What a version consists of, besides its root.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    deletion::DeletionRef,
    error::Result,
    manifest::{Manifest, PartitionEntry, Root},
    objects::NamedObject,
    paths,
    segment::SegmentMeta,
};

/// One object to copy, with what is known of its bytes.
#[derive(Debug)]
pub(super) enum Item {
    Segment(Arc<SegmentMeta>),
    /// The vectors of one object that the version needs, each with the rows of its segment.
    Deletions(Vec<(DeletionRef, u64)>),
    Object(NamedObject),
    DayList {
        table: u64,
        entry: PartitionEntry,
    },
}

impl Item {
    pub(super) fn path(&self) -> String {
        match self {
            Self::Segment(meta) => meta.path.clone(),
            Self::Deletions(vectors) => vectors[0].0.path(),
            Self::Object(object) => object.path(),
            Self::DayList { entry, .. } => paths::day_list(&entry.list),
        }
    }

    /// Its size, as far as it is known; of the others it is small.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Segment(meta) => meta.bytes,
            Self::Deletions(vectors) => vectors.iter().map(|(vector, _)| vector.bytes).sum(),
            Self::Object(object) => object.bytes,
            Self::DayList { .. } => 0,
        }
    }

    /// Whether an object of so many bytes is the whole of it. It was written at once or not at all.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        match self {
            Self::Segment(_) | Self::Object(_) => bytes == self.bytes(),
            Self::Deletions(vectors) => vectors.iter().all(|(vector, _)| vector.range().end <= bytes),
            Self::DayList { .. } => bytes > 0,
        }
    }
}

/// Everything that a root names, itself or by its day lists.
pub(super) async fn items(manifest: &Manifest, root: &Root) -> Result<Vec<Item>> {
    let mut items: Vec<Item> =
        root.objects.values().flat_map(|of_kind| of_kind.values()).cloned().map(Item::Object).collect();
    let mut deletions: BTreeMap<String, Vec<(DeletionRef, u64)>> = BTreeMap::new();
    for table in &root.tables {
        for entry in &table.partitions {
            for segment in &manifest.read_day_list(table.id, entry).await?.segments {
                if let Some(found) = &segment.deletions {
                    let of_object = deletions.entry(found.object.clone()).or_default();
                    of_object.push((found.clone(), segment.rows));
                }
                items.push(Item::Segment(Arc::clone(segment)));
            }
            items.push(Item::DayList { table: table.id, entry: entry.clone() });
        }
    }
    items.extend(deletions.into_values().map(Item::Deletions));
    Ok(items)
}
