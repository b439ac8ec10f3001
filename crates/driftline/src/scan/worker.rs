//! Running one partition of a scan: it takes the next units from a queue that all of them share, so that none idles while another has
//! work left, and reads no more of it than it must.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::error::Result as DfResult;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::try_unfold;

use super::columns::{Columns, Place};
use super::emit::{Emitter, Loaded};
use super::execution::{Execution, OpenSegment};
use super::filter::Conjunct;
use super::mask::Mask;
use super::metrics::ScanMetrics;
use super::outlived;
use super::pieces;
use super::prune;
use super::source::{ScanSegment, ScanSource, Unit};

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
    let (units, pieces) = (vec![], vec![]);
    let worker = Worker { source, execution, partition, metrics, emitter, units, pieces, finished: false };
    let stream = try_unfold(worker, |mut worker| async move {
        match worker.next().await {
            Ok(batch) => Ok(batch.map(|batch| (batch, worker))),
            Err(error) => Err(outlived::explained(&worker.source.table, error).await),
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, stream))
}

struct Worker {
    source: ScanSource,
    execution: Arc<Execution>,
    partition: usize,
    metrics: ScanMetrics,
    emitter: Emitter,
    /// The rest of the units that were taken together, the next one last.
    units: Vec<Unit>,
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
            if let Some(unit) = self.units.pop() {
                self.pieces = self.enter(unit).await?;
                continue;
            }
            match self.execution.next_units(&self.source, self.partition) {
                Some(units) => self.units.extend(units.iter().rev()),
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
