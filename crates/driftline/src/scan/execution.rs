//! What the partitions of a scan share: the queue of units, the segments that are open, and what the filter says of them.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::error::Result as DfResult;
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_optimizer::pruning::PruningPredicate;
use driftline_storage::{DeletionVector, IdProbe, RowSet, SegmentReader};
use tokio::sync::OnceCell;

use super::index::Condition;
use super::mask::Mask;
use super::prune;
use super::source::{ScanSource, Unit};
use crate::error::external;

/// What all partitions of one execution share.
#[derive(Debug)]
pub(super) struct Execution {
    queues: Queues,
    rows_left: Vec<AtomicUsize>,
    segments: Vec<OnceCell<OpenSegment>>,
    fixed: Option<Arc<PruningPredicate>>,
    /// What indexes may say of each conjunct of the filter.
    conditions: Vec<Condition>,
    pub(super) ids: Vec<IdProbe>,
    dynamic: Mutex<Dynamic>,
}

/// Who reads which unit next.
#[derive(Debug)]
enum Queues {
    /// Every partition takes the next units of all.
    Shared(AtomicUsize),
    /// A partition that runs on its own, in another process perhaps, takes every n-th unit.
    Alone { taken: AtomicUsize, partition: usize },
    /// Every partition reads its own run, so that the promised order holds.
    Runs(Vec<AtomicUsize>),
}

#[derive(Debug)]
pub(super) struct OpenSegment {
    pub(super) reader: Arc<SegmentReader>,
    deletions: Option<Arc<DeletionVector>>,
    /// The rows that its index leaves; all, where there is none.
    candidates: Option<RowSet>,
    /// Conjuncts of the filter that are true for each of these rows.
    pub(super) decided: Vec<bool>,
    /// The row groups that statistics leave.
    pub(super) keep: Vec<bool>,
}

impl OpenSegment {
    /// Which rows of a row group are not deleted; `None` where all of them are there.
    pub(super) fn live(&self, row_group: usize) -> Option<Mask> {
        self.deletions.as_ref()?.live(self.rows(row_group)).map(Mask::of_bits)
    }

    /// Which rows of a row group the index leaves: of those that are not deleted, where there is such a mask. `None` where it leaves none.
    pub(super) fn indexed(&self, row_group: usize, live: Option<Mask>) -> Option<Option<Mask>> {
        let Some(candidates) = &self.candidates else { return Some(live) };
        let found = Mask::of_set(candidates, self.rows(row_group))?;
        let found = match live {
            Some(live) => found.and(live.bits().values()),
            None => found,
        };
        (found.count() > 0).then_some(Some(found))
    }

    fn rows(&self, row_group: usize) -> Range<u32> {
        let start = self.reader.row_group_start(row_group);
        start..start + self.reader.row_group_rows(row_group) as u32
    }
}

/// The predicate of conditions that change while the query runs, as of some generation of them.
#[derive(Debug, Default)]
struct Dynamic {
    generation: Option<u64>,
    predicate: Option<Arc<PruningPredicate>>,
}

impl Execution {
    pub(super) fn shared(source: &ScanSource) -> Self {
        Self::new(source, Queues::Shared(AtomicUsize::new(0)))
    }

    pub(super) fn alone(source: &ScanSource, partition: usize) -> Self {
        Self::new(source, Queues::Alone { taken: AtomicUsize::new(0), partition })
    }

    fn new(source: &ScanSource, queues: Queues) -> Self {
        let queues = match &source.runs {
            Some(_) => Queues::Runs((0..source.partitions).map(|_| AtomicUsize::new(0)).collect()),
            None => queues,
        };
        // without an order, the first rows to be had satisfy a limit; with one, every run may have the first rows
        let limits = if source.runs.is_some() { source.partitions } else { 1 };
        let limit = source.limit.unwrap_or(usize::MAX);
        let fixed = prune::predicate(source.filter.fixed(), source.layout.schema());
        let conditions = source.filter.conjuncts().iter().map(|conjunct| match conjunct.is_dynamic() {
            true => Condition::Unknown,
            false => Condition::of(conjunct.table_expr(), &source.layout),
        });
        let bloom_columns = source.table.schema().bloom_columns();
        let ids = fixed
            .as_ref()
            .map(|predicate| prune::id_probes(predicate, &source.layout, bloom_columns))
            .unwrap_or_default();
        Self {
            queues,
            rows_left: (0..limits).map(|_| AtomicUsize::new(limit)).collect(),
            segments: source.segments.iter().map(|_| OnceCell::new()).collect(),
            fixed,
            conditions: conditions.collect(),
            ids,
            dynamic: Mutex::default(),
        }
    }

    /// Takes the next units for a partition, one at least; `None` where nothing is left.
    pub(super) fn next_units<'a>(&self, source: &'a ScanSource, partition: usize) -> Option<&'a [Unit]> {
        let take = |taken: &AtomicUsize| taken.fetch_add(1, Ordering::Relaxed);
        match &self.queues {
            Queues::Shared(taken) => {
                let end = |start: usize| match source.stretch(start) {
                    0 => None,
                    units => Some(start + units),
                };
                let start = taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end).ok()?;
                source.units.get(start..end(start)?)
            }
            Queues::Alone { taken, partition } => {
                source.units.get(partition + source.partitions * take(taken)).map(std::slice::from_ref)
            }
            Queues::Runs(taken) => {
                let run = source.runs.as_ref()?.runs.get(partition)?;
                run.get(take(&taken[partition])).map(std::slice::from_ref)
            }
        }
    }

    pub(super) async fn open(&self, source: &ScanSource, index: usize) -> DfResult<&OpenSegment> {
        self.segments[index]
            .get_or_try_init(|| async {
                let meta = &source.segments[index].meta;
                let reader = source.table.open_segment(meta).await.map_err(external)?;
                let deletions = source.table.deletions(meta).await.map_err(external)?;
                // an index at hand that decides the whole filter leaves nothing to statistics
                let known = match source.table.holds_index(&reader) {
                    true => Some(self.candidates(source, &reader).await?),
                    false => None,
                };
                let is_decided = known.as_ref().is_some_and(|(rows, decided)| {
                    rows.as_ref().is_some_and(|rows| rows.is_empty() || !decided.contains(&false))
                });
                let keep = match self.fixed.as_ref().filter(|_| !is_decided) {
                    Some(predicate) => prune::keep_by_statistics(predicate, &reader, &source.layout)?,
                    None => vec![true; reader.row_groups()],
                };
                let (candidates, decided) = match known {
                    Some(known) => known,
                    None if keep.contains(&true) => self.candidates(source, &reader).await?,
                    None => (None, vec![]),
                };
                Ok(OpenSegment { reader, deletions, candidates, decided, keep })
            })
            .await
    }

    /// The rows of a segment that its index leaves, `None` where it says nothing, and which conjuncts it decides for them.
    async fn candidates(
        &self,
        source: &ScanSource,
        reader: &SegmentReader,
    ) -> DfResult<(Option<RowSet>, Vec<bool>)> {
        if self.conditions.iter().all(Condition::is_unknown) {
            return Ok((None, vec![]));
        }
        let Some(index) = source.table.index(reader).await.map_err(external)? else {
            return Ok((None, vec![]));
        };
        let (mut rows, mut decided) = (None, vec![false; self.conditions.len()]);
        for (condition, decided) in self.conditions.iter().zip(&mut decided) {
            let Some(found) = condition.candidates(reader, &index, &source.layout).await? else { continue };
            *decided = found.exact;
            rows = Some(match rows {
                None => found.rows,
                Some(rows) => found.rows.intersection(&rows),
            });
            if rows.as_ref().is_some_and(RowSet::is_empty) {
                break;
            }
        }
        Ok((rows, decided))
    }

    /// Whether the conditions that change leave a row group as they now are.
    pub(super) fn keep_by_dynamic(
        &self,
        source: &ScanSource,
        reader: &SegmentReader,
        row_group: usize,
    ) -> DfResult<bool> {
        let Some(expr) = source.filter.dynamic() else { return Ok(true) };
        let generation = snapshot_generation(&expr);
        let predicate = {
            let mut dynamic = self.dynamic.lock().unwrap_or_else(PoisonError::into_inner);
            if dynamic.generation != Some(generation) {
                dynamic.generation = Some(generation);
                dynamic.predicate = prune::predicate(Some(expr), source.layout.schema());
            }
            dynamic.predicate.clone()
        };
        match predicate {
            Some(predicate) => Ok(prune::keep_by_statistics(&predicate, reader, &source.layout)?[row_group]),
            None => Ok(true),
        }
    }

    /// Takes rows from the limit and returns how many of them may be given out.
    pub(super) fn take_rows(&self, partition: usize, rows: usize) -> usize {
        let take = |left: usize| Some(left - left.min(rows));
        let left = self.rows_left(partition).fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        left.unwrap_or_default().min(rows)
    }

    pub(super) fn is_done(&self, partition: usize) -> bool {
        self.rows_left(partition).load(Ordering::Relaxed) == 0
    }

    fn rows_left(&self, partition: usize) -> &AtomicUsize {
        self.rows_left.get(partition).unwrap_or(&self.rows_left[0])
    }
}
