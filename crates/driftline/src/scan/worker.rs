//! Running a scan: every partition takes the next unit from a queue that all of them share, so that none idles while another has
//! work left.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use datafusion::error::Result as DfResult;
use datafusion::physical_expr_common::physical_expr::snapshot_generation;
use datafusion::physical_optimizer::pruning::PruningPredicate;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use driftline_storage::{DeletionVector, IdProbe, RowSet, SegmentReader};
use futures::stream::try_unfold;
use tokio::sync::OnceCell;

use super::columns::{Columns, Place};
use super::emit::{Emitter, Loaded};
use super::filter::Conjunct;
use super::index::Condition;
use super::mask::Mask;
use super::metrics::ScanMetrics;
use super::pieces;
use super::prune;
use super::source::{ScanSegment, ScanSource, Unit};
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
    ids: Vec<IdProbe>,
    dynamic: Mutex<Dynamic>,
}

/// Who reads which unit next.
#[derive(Debug)]
enum Queues {
    /// Every partition takes the next unit of all.
    Shared(AtomicUsize),
    /// A partition that runs on its own, in another process perhaps, takes every n-th unit.
    Alone { taken: AtomicUsize, partition: usize },
    /// Every partition reads its own run, so that the promised order holds.
    Runs(Vec<AtomicUsize>),
}

#[derive(Debug)]
struct OpenSegment {
    reader: Arc<SegmentReader>,
    deletions: Option<Arc<DeletionVector>>,
    /// The rows that its index leaves; all, where there is none.
    candidates: Option<RowSet>,
    /// Conjuncts of the filter that are true for each of these rows.
    decided: Vec<bool>,
    /// The row groups that statistics leave.
    keep: Vec<bool>,
}

impl OpenSegment {
    /// Which rows of a row group are not deleted; `None` where all of them are there.
    fn live(&self, row_group: usize) -> Option<Mask> {
        self.deletions.as_ref()?.live(self.rows(row_group)).map(Mask::of_bits)
    }

    /// Which rows of a row group the index leaves: of those that are not deleted, where there is such a mask. `None` where it leaves none.
    fn indexed(&self, row_group: usize, live: Option<Mask>) -> Option<Option<Mask>> {
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

    /// Takes the next unit for a partition.
    fn next_unit(&self, source: &ScanSource, partition: usize) -> Option<Unit> {
        let take = |taken: &AtomicUsize| taken.fetch_add(1, Ordering::Relaxed);
        match &self.queues {
            Queues::Shared(taken) => source.units.get(take(taken)),
            Queues::Alone { taken, partition } => {
                source.units.get(partition + source.partitions * take(taken))
            }
            Queues::Runs(taken) => source.runs.as_ref()?.runs.get(partition)?.get(take(&taken[partition])),
        }
        .copied()
    }

    async fn open(&self, source: &ScanSource, index: usize) -> DfResult<&OpenSegment> {
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
    fn keep_by_dynamic(
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
    fn take_rows(&self, partition: usize, rows: usize) -> usize {
        let take = |left: usize| Some(left - left.min(rows));
        let left = self.rows_left(partition).fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        left.unwrap_or_default().min(rows)
    }

    fn is_done(&self, partition: usize) -> bool {
        self.rows_left(partition).load(Ordering::Relaxed) == 0
    }

    fn rows_left(&self, partition: usize) -> &AtomicUsize {
        self.rows_left.get(partition).unwrap_or(&self.rows_left[0])
    }
}

/// Leaves the rows of a mask alone, if they are few; otherwise the mask stays.
fn select(columns: &mut Columns<'_>, mask: Option<Mask>) -> DfResult<Option<Mask>> {
    match mask {
        Some(mask) => Ok(if columns.select(&mask)? { None } else { Some(mask) }),
        None => Ok(None),
    }
}

/// Runs one partition.
pub(super) fn run(
    source: ScanSource,
    execution: Arc<Execution>,
    partition: usize,
    metrics: ScanMetrics,
    batch_rows: usize,
) -> SendableRecordBatchStream {
    let schema = Arc::clone(&source.schema);
    let emitter =
        Emitter::new(Arc::clone(&schema), batch_rows, source.slices, source.filter.dynamic().is_some());
    let worker = Worker { source, execution, partition, metrics, emitter, pieces: vec![], finished: false };
    let stream =
        try_unfold(worker, |mut worker| async move { Ok(worker.next().await?.map(|batch| (batch, worker))) });
    Box::pin(RecordBatchStreamAdapter::new(schema, stream))
}

struct Worker {
    source: ScanSource,
    execution: Arc<Execution>,
    partition: usize,
    metrics: ScanMetrics,
    emitter: Emitter,
    /// The rest of the row group at hand, the next piece last.
    pieces: Vec<Piece>,
    finished: bool,
}

/// Rows that are read together.
struct Piece {
    unit: Unit,
    /// Which of a row group; all, where there are none.
    rows: Option<Range<usize>>,
    /// Which of these are left before the filter is asked; all, where there is none.
    mask: Option<Mask>,
}

impl Worker {
    /// The next batch: from the unit at hand, from the next one that has rows, or the rest of the last.
    async fn next(&mut self) -> DfResult<Option<RecordBatch>> {
        while !self.execution.is_done(self.partition) {
            let batch = {
                let _timer = self.metrics.baseline.elapsed_compute().timer();
                self.emitter.next()?
            };
            if let Some(batch) = batch {
                return Ok(self.limited(batch));
            }
            if self.finished {
                return Ok(None);
            }
            match self.next_piece().await? {
                Some(piece) => {
                    if let Some(loaded) = self.load(piece).await? {
                        self.emitter.push(loaded)?;
                    }
                }
                None => {
                    self.finished = true;
                    if let Some(batch) = self.emitter.finish()? {
                        return Ok(self.limited(batch));
                    }
                }
            }
        }
        Ok(None)
    }

    fn limited(&self, batch: RecordBatch) -> Option<RecordBatch> {
        let rows = self.execution.take_rows(self.partition, batch.num_rows());
        self.metrics.baseline.record_output(rows);
        match rows {
            0 if batch.num_rows() > 0 => None,
            rows if rows < batch.num_rows() => Some(batch.slice(0, rows)),
            _ => Some(batch),
        }
    }

    /// The next rows to read; `None` when there are none left.
    async fn next_piece(&mut self) -> DfResult<Option<Piece>> {
        loop {
            if let Some(piece) = self.pieces.pop() {
                return Ok(Some(piece));
            }
            match self.execution.next_unit(&self.source, self.partition) {
                Some(unit) => self.pieces = self.enter(unit).await?,
                None => return Ok(None),
            }
        }
    }

    /// What of a unit is left without reading its columns, in pieces, the first one last.
    async fn enter(&self, unit: Unit) -> DfResult<Vec<Piece>> {
        let Unit::RowGroup { segment, row_group } = unit else {
            return Ok(vec![Piece { unit, rows: None, mask: None }]);
        };
        let open = self.execution.open(&self.source, segment).await?;
        if !self.keep(open, &self.source.segments[segment], row_group).await? {
            return Ok(vec![]);
        }
        let mask = open.live(row_group);
        let rows = open.reader.row_group_rows(row_group);
        let live = mask.as_ref().map_or(rows, Mask::count);
        self.metrics.rows_pruned_deletions.add(rows - live);
        if live == 0 {
            self.metrics.pruned_deletions.add(1);
            return Ok(vec![]);
        }
        let Some(mask) = open.indexed(row_group, mask) else {
            self.metrics.pruned_index.add(1);
            self.metrics.rows_pruned_index.add(live);
            return Ok(vec![]);
        };
        self.metrics.rows_pruned_index.add(live - mask.as_ref().map_or(rows, Mask::count));
        let Some(pieces) = pieces::pieces(&self.source, &open.reader, &unit, mask.as_ref()) else {
            return Ok(vec![Piece { unit, rows: None, mask }]);
        };
        let piece = |rows: Range<usize>| {
            let mask = mask.as_ref().and_then(|mask| mask.within(&rows));
            Piece { unit, rows: Some(rows), mask }
        };
        Ok(pieces.into_iter().rev().map(piece).collect())
    }

    /// Reads what is needed of a piece; `None` where no row of it survives.
    async fn load(&self, piece: Piece) -> DfResult<Option<Loaded>> {
        let source = &self.source;
        let Piece { unit, rows, mut mask } = piece;
        let is_whole = rows.is_none();
        if mask.as_ref().is_some_and(|mask| mask.count() == 0) {
            return Ok(None);
        }
        let (place, decided) = match unit {
            Unit::Memory(index) => (Place::Memory(&source.table.memory()[index]), [].as_slice()),
            Unit::RowGroup { segment, row_group } => {
                let open = self.execution.open(source, segment).await?;
                let segment = &source.segments[segment].key;
                let reader = &open.reader;
                (Place::RowGroup { reader, segment, row_group, piece: rows }, open.decided.as_slice())
            }
        };
        let mut columns = Columns::new(place, &source.layout, &source.cache, &self.metrics);
        let live_rows = mask.as_ref().map_or(columns.rows(), Mask::count);
        let undecided = |at: &usize| !decided.get(*at).is_some_and(|decided| *decided);
        for at in (0..source.filter.conjuncts().len()).filter(undecided) {
            let conjunct = &source.filter.conjuncts()[at];
            mask = select(&mut columns, mask)?;
            mask = self.narrow(conjunct, &mut columns, mask).await?;
            if mask.as_ref().is_some_and(|mask| mask.count() == 0) {
                self.metrics.rows_pruned_filter.add(live_rows);
                self.metrics.pruned_filter.add(usize::from(is_whole));
                return Ok(None);
            }
        }
        mask = select(&mut columns, mask)?;
        let rows = mask.as_ref().map_or(columns.rows(), Mask::count);
        self.metrics.rows_pruned_filter.add(live_rows - rows);
        let arrays = columns.get(&source.output).await?;
        Ok(Some(Loaded { arrays, mask: mask.map(|mask| mask.bits()), rows: columns.rows() }))
    }

    /// Narrows a mask to the rows for which a condition is true.
    async fn narrow(
        &self,
        conjunct: &Conjunct,
        columns: &mut Columns<'_>,
        mask: Option<Mask>,
    ) -> DfResult<Option<Mask>> {
        let coded = match conjunct.only_column() {
            Some(column) => columns.coded(column).await?,
            None => None,
        };
        if let Some(text) = coded {
            let _timer = self.metrics.baseline.elapsed_compute().timer();
            return conjunct.narrow_coded(&text, mask);
        }
        let arrays = columns.get(conjunct.columns()).await?;
        let _timer = self.metrics.baseline.elapsed_compute().timer();
        conjunct.narrow(columns.rows(), arrays, mask)
    }

    /// Whether a row group must be read, asking first what costs least.
    async fn keep(&self, open: &OpenSegment, segment: &ScanSegment, row_group: usize) -> DfResult<bool> {
        if !open.keep[row_group] {
            self.metrics.pruned_statistics.add(1);
            return Ok(false);
        }
        if !self.execution.keep_by_dynamic(&self.source, &open.reader, row_group)? {
            self.metrics.pruned_dynamic.add(1);
            return Ok(false);
        }
        if !prune::keep_by_bloom(&self.execution.ids, &segment.asked, &open.reader, row_group).await? {
            self.metrics.pruned_bloom.add(1);
            return Ok(false);
        }
        Ok(true)
    }
}
