//! The counts that are kept between questions.
//!
//! They are a cache of what the rows say. A segment never changes, so it is counted once: a new one is added to the counts of its partition, late rows
//! included; where one is gone, because it was merged or rows of it were deleted, its partition is counted anew. Memory only grows until a flush, so of it the new
//! rows are counted. An answer is always the count of the rows that its snapshot has. Counts of segments are written as an object now and then and when the
//! database is closed ([`file`](super::file)), so that a start does not count years again.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use driftline_storage::{Snapshot, TableSchema, TableSnapshot, TimeRange};

use super::SLO;
use super::catalog::Slo;
use super::count::{ByRow, Counting, GROUPS_MAX, too_many_groups};
use super::counts::{Counts, Events, GroupKey, Series};
use super::file::{self, COUNTS};
use super::span::MINUTE_NS;
use crate::catalog::{Relations, VIEW};
use crate::db::Engine;
use crate::error::{Error, Result};

/// Bytes of counts that are kept for one SLO; what is beyond is counted again when it is asked for.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Counts are written when so many events have been counted since, and so long ago.
const SAVE_EVENTS_MIN: u64 = 1_000_000;
const SAVE_INTERVAL_NS: u64 = 10 * 60 * 1_000_000_000;

/// What is kept of all SLOs, by name.
#[derive(Debug, Default)]
pub(crate) struct SloStore(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Kept>>>>);

/// What is kept of one.
#[derive(Debug, Default)]
struct Kept {
    planned: Option<Planned>,
    fingerprint: String,
    partitions: BTreeMap<String, Partition>,
    memory: InMemory,
    saved: Saved,
}

/// What the object of an SLO has of its counts.
#[derive(Debug, Default)]
struct Saved {
    /// Events counted since.
    missing: u64,
    /// When it was written, by the monotonic clock.
    at_ns: Option<u64>,
    /// Whether it was looked at.
    read: bool,
}

/// How it is counted, as long as the table and the views stay what they are.
#[derive(Clone, Debug)]
struct Planned {
    text: String,
    schema: Arc<TableSchema>,
    views: u64,
    counting: Arc<Counting>,
}

#[derive(Debug, Default)]
pub(super) struct Partition {
    /// The list of its segments, as the manifest names it.
    pub(super) list: String,
    /// Their rows, by [`rows_id`](driftline_storage::SegmentMeta::rows_id).
    pub(super) segments: BTreeSet<String>,
    pub(super) counts: Arc<Counts>,
}

/// The rows that lie in no segment.
#[derive(Debug, Default)]
struct InMemory {
    generation: u64,
    rows: usize,
    counts: Arc<Counts>,
}

/// The counts of one question.
#[derive(Debug)]
pub(crate) struct Counted(Vec<Arc<Counts>>);

impl Counted {
    /// The groups that have events in some minutes.
    pub(crate) fn groups(&self, minutes: &Range<i64>) -> BTreeSet<&GroupKey> {
        let all: BTreeSet<&GroupKey> = self.0.iter().flat_map(|counts| counts.groups()).collect();
        all.into_iter().filter(|group| self.sum(group, minutes) != Events::default()).collect()
    }

    fn group_count(&self) -> usize {
        let all: BTreeSet<&GroupKey> = self.0.iter().flat_map(|counts| counts.groups()).collect();
        all.len()
    }

    fn series<'a>(&'a self, group: &'a GroupKey) -> impl Iterator<Item = &'a Series> {
        self.0.iter().filter_map(move |counts| counts.series(group))
    }

    /// The events of a group in some minutes.
    pub(crate) fn sum(&self, group: &GroupKey, minutes: &Range<i64>) -> Events {
        let mut sum = Events::default();
        self.series(group).for_each(|series| sum += series.sum(minutes));
        sum
    }

    /// The minutes of a group with events, in order.
    pub(crate) fn minutes(&self, group: &GroupKey, minutes: &Range<i64>) -> BTreeMap<i64, Events> {
        let mut together: BTreeMap<i64, Events> = BTreeMap::new();
        for series in self.series(group) {
            series
                .minutes(minutes.clone())
                .for_each(|(at, events)| *together.entry(at).or_default() += events);
        }
        together
    }
}

impl SloStore {
    /// Counts the events of some minutes, those that are kept only where they are missing.
    pub(crate) async fn count(
        &self,
        slo: &Slo,
        relations: &Relations,
        minutes: &Range<i64>,
    ) -> Result<Counted> {
        let kept = Arc::clone(self.lock().entry(slo.name.clone()).or_default());
        let mut kept = kept.lock().await;
        let counting = kept.counting(slo, relations).await?;
        let table = counting
            .by_row
            .as_ref()
            .and_then(|by_row| Some((by_row, relations.snapshot().table(&by_row.table)?)));
        let Some((by_row, table)) = table else {
            drop(kept);
            let counts = counting.run(relations.clone(), Some(minutes)).await?;
            return Ok(Counted(vec![Arc::new(counts)]));
        };
        kept.of(by_row, &slo.name, relations).await;
        let mut counts = kept.count_segments(&counting, relations, table, minutes).await?;
        kept.save_if_due(&slo.name, relations.engine()).await;
        counts.push(kept.count_memory(&counting, relations, table).await?);
        let counted = Counted(counts);
        match counted.group_count() <= GROUPS_MAX {
            true => Ok(counted),
            false => Err(too_many_groups()),
        }
    }

    /// Writes the counts that no object has: the database is closed.
    pub(crate) async fn save(&self, engine: &Engine) {
        let all: Vec<(String, Arc<tokio::sync::Mutex<Kept>>)> =
            self.lock().iter().map(|(name, kept)| (name.clone(), Arc::clone(kept))).collect();
        for (name, kept) in all {
            let mut kept = kept.lock().await;
            if kept.saved.missing > 0 && engine.storage().snapshot().definition(SLO, &name).is_some() {
                kept.save(&name, engine).await;
            }
        }
    }

    /// Forgets the counts of an SLO that is gone.
    pub(crate) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<tokio::sync::Mutex<Kept>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// How the SLO is counted, planned anew when what it stands on has changed.
    async fn counting(&mut self, slo: &Slo, relations: &Relations) -> Result<Arc<Counting>> {
        let snapshot = relations.snapshot();
        let (text, views) = (slo.definition.to_string(), views(snapshot));
        let known = self.planned.as_ref().filter(|planned| {
            let table = planned.counting.by_row.as_ref().and_then(|by_row| snapshot.table(&by_row.table));
            planned.text == text
                && planned.views == views
                && table.is_some_and(|table| Arc::ptr_eq(table.schema(), &planned.schema))
        });
        if let Some(planned) = known {
            return Ok(Arc::clone(&planned.counting));
        }
        let counting = Arc::new(Counting::plan(&slo.definition, relations).await?);
        let table = counting.by_row.as_ref().and_then(|by_row| snapshot.table(&by_row.table));
        self.planned = table.map(|table| {
            let schema = Arc::clone(table.schema());
            Planned { text, schema, views, counting: Arc::clone(&counting) }
        });
        Ok(counting)
    }

    /// Forgets counts of another query or of other columns, and begins with what the object has of this one.
    async fn of(&mut self, by_row: &ByRow, name: &str, relations: &Relations) {
        if self.fingerprint != by_row.fingerprint {
            let planned = self.planned.take();
            *self = Self { planned, fingerprint: by_row.fingerprint.clone(), ..Self::default() };
        }
        if std::mem::replace(&mut self.saved.read, true) {
            return;
        }
        let Some(object) = relations.snapshot().object(COUNTS, name) else { return };
        match relations.snapshot().read_object(object).await {
            Ok(content) => self.partitions = file::read(&content, &self.fingerprint).unwrap_or_default(),
            Err(error) => tracing::warn!(slo = name, %error, "kept counts cannot be read: counted anew"),
        }
    }

    async fn save_if_due(&mut self, name: &str, engine: &Engine) {
        let now_ns = engine.clock().monotonic_ns();
        let is_old = self.saved.at_ns.is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= SAVE_INTERVAL_NS);
        if is_old && self.saved.missing >= SAVE_EVENTS_MIN && !engine.storage().is_read_only() {
            self.save(name, engine).await;
        }
    }

    /// Writes the counts of segments. They are a cache: what cannot be written is counted again.
    async fn save(&mut self, name: &str, engine: &Engine) {
        self.saved = Saved { missing: 0, at_ns: Some(engine.clock().monotonic_ns()), read: true };
        let written = match file::write(&self.fingerprint, &self.partitions) {
            Ok(content) => {
                engine.storage().put_object(COUNTS, name, content.into(), true).await.map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            tracing::warn!(slo = name, %error, "counts cannot be kept: they are counted again after a restart");
        }
    }

    /// Brings the partitions that some minutes touch up to a snapshot.
    async fn count_segments(
        &mut self,
        counting: &Counting,
        relations: &Relations,
        table: &TableSnapshot,
        minutes: &Range<i64>,
    ) -> Result<Vec<Arc<Counts>>> {
        let ns = |minute: i64| minute.saturating_mul(MINUTE_NS);
        let asked = TimeRange::new(ns(minutes.start), ns(minutes.end).saturating_sub(1));
        let mut found = vec![];
        let mut touched: BTreeSet<&str> = BTreeSet::new();
        for entry in table.partitions().iter().filter(|entry| entry.time_range().overlaps(&asked)) {
            touched.insert(&entry.key);
            let known = self.partitions.entry(entry.key.clone()).or_default();
            if known.list != entry.list {
                let segments = table.segments(entry.time_range()).await?;
                let of_partition = segments.iter().filter(|segment| segment.partition == entry.key);
                let now: BTreeSet<String> =
                    of_partition.map(|segment| segment.rows_id().into_owned()).collect();
                if !known.segments.is_subset(&now) {
                    *known = Partition::default();
                }
                let new: Vec<String> = now.difference(&known.segments).cloned().collect();
                let counted = counting.run(relations.with_part(table.of_segments(new)), None).await?;
                self.saved.missing += counted.events();
                Arc::make_mut(&mut known.counts).merge(&counted);
                (known.segments, known.list) = (now, entry.list.clone());
            }
            found.push(Arc::clone(&known.counts));
        }
        let bytes: usize = self.partitions.values().map(|partition| partition.counts.bytes()).sum();
        if bytes > KEPT_BYTES_MAX {
            self.partitions.retain(|key, _| touched.contains(key.as_str()));
        }
        Ok(found)
    }

    /// Adds the rows that are new in memory.
    async fn count_memory(
        &mut self,
        counting: &Counting,
        relations: &Relations,
        table: &TableSnapshot,
    ) -> Result<Arc<Counts>> {
        let (generation, rows) = (table.memory_generation(), table.memory_rows());
        // a question that began earlier may come later: it has fewer rows than are counted
        if self.memory.generation != generation || self.memory.rows > rows {
            self.memory = InMemory { generation, ..InMemory::default() };
        }
        if self.memory.rows < rows {
            let new = table.of_memory(self.memory.rows);
            let counted = counting.run(relations.with_part(new), None).await?;
            Arc::make_mut(&mut self.memory.counts).merge(&counted);
            self.memory.rows = rows;
        }
        Ok(Arc::clone(&self.memory.counts))
    }
}

/// What tells the views of a snapshot from others.
fn views(snapshot: &Snapshot) -> u64 {
    let mut hasher = DefaultHasher::new();
    snapshot.definitions(VIEW).for_each(|view| view.hash(&mut hasher));
    hasher.finish()
}
