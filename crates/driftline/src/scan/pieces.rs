//! A row group whose columns would take much memory is read in pieces, some rows after the other, so that a partition of a scan
//! holds no more of decoded columns than its limit.

use std::collections::BTreeSet;
use std::ops::Range;

use driftline_storage::SegmentReader;

use super::columns::SELECTED_SHARE;
use super::layout::Kind;
use super::mask::Mask;
use super::source::{ScanSource, Unit};

/// Rows of a piece are a multiple of so many.
const ROWS_STEP: usize = 64;

/// The rows of a row group in pieces; `None`, where they are read together.
pub(super) fn pieces(
    source: &ScanSource,
    reader: &SegmentReader,
    unit: &Unit,
    mask: Option<&Mask>,
) -> Option<Vec<Range<usize>>> {
    let Unit::RowGroup { segment, row_group } = *unit else { return None };
    let rows = reader.row_group_rows(row_group);
    if mask.is_some_and(|mask| mask.count() * SELECTED_SHARE <= rows) {
        // the few that are left are all that is decoded
        return None;
    }
    let key = &source.segments[segment].key;
    let is_kept = |column: &u32| source.cache.has_column(key, row_group, *column);
    let columns: Vec<u32> =
        stored_columns(source, reader).into_iter().filter(|column| !is_kept(column)).collect();
    let count = reader.decoded_bytes(row_group, &columns).div_ceil(source.cache.scan_bytes().max(1));
    let step = rows.div_ceil(count.max(1)).next_multiple_of(ROWS_STEP);
    (step < rows).then(|| (0..rows).step_by(step).map(|start| start..rows.min(start + step)).collect())
}

/// The columns of a file that a scan needs, for its filter and for what leaves it.
fn stored_columns(source: &ScanSource, reader: &SegmentReader) -> BTreeSet<u32> {
    let layout = &source.layout;
    let filtered = source.filter.conjuncts().iter().flat_map(|conjunct| conjunct.columns());
    let attributes = layout.attributes().map(|index| layout.column(index).id);
    let mut stored = BTreeSet::new();
    for column in filtered.chain(&source.output).map(|index| layout.column(*index)) {
        match &column.kind {
            Kind::Stored => stored.extend([column.id]),
            Kind::FromAttribute(key) => {
                let is_whole = reader.is_complete(column.id) || !reader.may_have_attribute(key);
                stored.extend([column.id].into_iter().chain(attributes.filter(|_| !is_whole)));
            }
            Kind::Attribute(_) => stored.extend(attributes),
            Kind::Attributes => {
                let columns = layout.attribute_columns().map(|(index, _)| layout.column(index).id);
                stored.extend(columns.chain(attributes));
            }
            Kind::Segment | Kind::Row => {}
        }
    }
    stored
}
