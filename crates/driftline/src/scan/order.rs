//! Order. It is promised only where it holds and costs nothing: all segments sorted, few enough that every partition reads one run,
//! and no rows in memory. Otherwise units merely come in the wanted order, so that a top-k soon has a bound that leaves out the rest.

use std::cmp::Reverse;
use std::sync::Arc;

use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use driftline_storage::SegmentMeta;

use super::layout::Kind;
use super::source::{ScanSource, Unit};

/// Units in runs, one a partition, each in the promised order.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    pub(super) runs: Vec<Vec<Unit>>,
    pub(super) ordering: LexOrdering,
}

impl ScanSource {
    /// The position in the table of a plain column of the output.
    fn table_column(&self, sort: &PhysicalSortExpr) -> Option<usize> {
        let column = sort.expr.downcast_ref::<Column>()?;
        self.output.get(column.index()).copied()
    }

    /// Whether the first column of a wanted order is `time`.
    pub(super) fn begins_with_time(&self, order: &[PhysicalSortExpr]) -> bool {
        let first = order.first().and_then(|sort| self.table_column(sort));
        first.is_some_and(|index| self.layout.schema().field(index).name() == driftline_storage::TIME_COLUMN)
    }

    /// All units, by time: the newest first where a query asks for the newest. Rows in memory are the newest as a rule.
    pub(super) fn units_by_time(&self, newest_first: bool) -> Vec<Unit> {
        let mut units = self.units.to_vec();
        let segment = |unit: &Unit| match unit {
            Unit::RowGroup { segment, .. } => Some(&self.segments[*segment].meta),
            Unit::Memory(_) => None,
        };
        match newest_first {
            true => units.sort_by_key(|unit| Reverse(segment(unit).map_or(i64::MAX, |meta| meta.max_time))),
            false => units.sort_by_key(|unit| segment(unit).map_or(i64::MAX, |meta| meta.min_time)),
        }
        units
    }

    /// The units as runs in a wanted order; `None` where the segments do not have it, or where there are more runs than partitions.
    pub(super) fn runs(&self, order: &[PhysicalSortExpr]) -> Option<Runs> {
        if self.units.iter().any(|unit| matches!(unit, Unit::Memory(_))) {
            return None;
        }
        let mut key = vec![];
        for sort in order {
            let index = self.table_column(sort)?;
            // values that come from attributes are not in the order of the file
            if self.layout.column(index).kind != Kind::Stored {
                return None;
            }
            let nullable = self.layout.schema().field(index).is_nullable();
            if sort.options.descending || (nullable && !sort.options.nulls_first) {
                return None;
            }
            key.push(self.layout.column(index).id);
        }
        if !self.segments.iter().all(|segment| segment.meta.is_sorted_by(&key)) {
            return None;
        }
        let chains = match self.begins_with_time(order) {
            true => self.chains_by_time(),
            false => (0..self.segments.len()).map(|segment| vec![segment]).collect(),
        };
        if chains.len() > self.partitions {
            return None;
        }
        let mut units = vec![vec![]; self.segments.len()];
        for unit in self.units.iter() {
            if let Unit::RowGroup { segment, .. } = unit {
                units[*segment].push(*unit);
            }
        }
        let of_chain =
            |chain: Vec<usize>| chain.into_iter().flat_map(|segment| units[segment].iter().copied());
        let runs = chains.into_iter().map(|chain| of_chain(chain).collect()).collect();
        Some(Runs { runs, ordering: LexOrdering::new(order.to_vec())? })
    }

    /// Chains of segments that follow each other in time; segments that overlap lie in different chains.
    fn chains_by_time(&self) -> Vec<Vec<usize>> {
        let meta = |segment: usize| -> &Arc<SegmentMeta> { &self.segments[segment].meta };
        let mut by_start: Vec<usize> = (0..self.segments.len()).collect();
        by_start.sort_by_key(|segment| meta(*segment).min_time);
        let mut chains: Vec<Vec<usize>> = vec![];
        for segment in by_start {
            let fits = chains
                .iter_mut()
                .find(|chain| chain.last().is_some_and(|last| meta(*last).max_time < meta(segment).min_time));
            match fits {
                Some(chain) => chain.push(segment),
                None => chains.push(vec![segment]),
            }
        }
        chains
    }
}
