//! From the rows of a group to its answer. Clusters and bins are put into an order of their own, so that of the rows does not matter.

use std::cmp::Ordering;

use datafusion::common::{Result, resources_err};

use super::NAME;
use super::options::Options;
use super::rows::{Left, Row, Rows};
use crate::aggregate::comparison::value::ValueKind;
use crate::aggregate::comparison::{Answer, Cell, Kind, Returns};
use crate::kernels::bins::{bin_of, quantile_edges, quantile_positions};
use crate::kernels::bootstrap::{Clusters, interval, psi_resamples};
use crate::kernels::divergence::psi;
use crate::kernels::keys::value_of;
use crate::kernels::selection::order_statistics;

pub(super) static RETURNS: Returns = Returns::Struct(&[
    ("psi", Kind::Double),
    ("lo", Kind::Double),
    ("hi", Kind::Double),
    ("level", Kind::Double),
    ("resamples", Kind::BigInt),
    ("n_clusters_ref", Kind::BigInt),
    ("n_clusters_cur", Kind::BigInt),
    ("n_ref", Kind::BigInt),
    ("n_cur", Kind::BigInt),
    ("n_excluded_ref", Kind::BigInt),
    ("n_excluded_cur", Kind::BigInt),
    ("n_unclustered_ref", Kind::BigInt),
    ("n_unclustered_cur", Kind::BigInt),
]);

/// Most clusters and bins that the resamples of one answer go through together: some seconds.
const STEPS_MAX: usize = 2_000_000_000;
/// An interval of one cluster would have no width, whatever the next one brings.
const CLUSTERS_MIN: usize = 2;

/// The answer of one group; `rows` are those of the group alone.
pub(super) fn answer(kept: &Rows, rows: &[Row], left: [Left; 2], options: &Options) -> Result<Answer> {
    let current = rows.iter().filter(|row| row.side() == 1).count();
    let totals = [rows.len() - current, current];
    if totals.contains(&0) {
        return Ok(Answer::Null);
    }
    let (bins, bin) = bins_of(kept, rows, options);
    let rank = ranks(rows.iter().map(|row| row.cluster()), |a, b| kept.clusters.compare(a, b));
    let clusters = [0, 1].map(|side| {
        let of_side = rows.iter().filter(|row| row.side() == side);
        let mut packed: Vec<u64> =
            of_side.map(|&row| (rank(row.cluster()) as u64) << 32 | bin(row) as u64).collect();
        Clusters::of_rows(&mut packed)
    });
    let [reference, currents] = &clusters;
    let Some(value) = psi(&reference.counts(bins), &currents.counts(bins), options.eps) else {
        return Ok(Answer::Null);
    };
    let drawn = reference.len() + currents.len();
    if (drawn + bins).saturating_mul(options.resamples) > STEPS_MAX {
        return resources_err!(
            "{NAME}: {} resamples of {drawn} clusters over {bins} bins are more than {STEPS_MAX} steps: ask for fewer \
             resamples, or name coarser clusters",
            options.resamples
        );
    }
    let is_wide_enough = clusters.iter().all(|clusters| clusters.len() >= CLUSTERS_MIN);
    let draws = (options.resamples, options.seed);
    let resampled =
        is_wide_enough.then(|| psi_resamples(reference, currents, bins, options.eps, draws)).flatten();
    let ends = resampled.map(|resampled| interval(value, &resampled, options.level, options.interval));
    let counts = [clusters.each_ref().map(Clusters::len), totals].into_iter().flatten().map(|n| n as u64);
    let left = [left.map(|left| left.excluded), left.map(|left| left.unclustered)].into_iter().flatten();
    let mut cells = vec![
        Cell::Double(value),
        ends.map(|(lo, _)| lo).into(),
        ends.map(|(_, hi)| hi).into(),
        Cell::Double(options.level),
        Cell::Count(options.resamples as u64),
    ];
    cells.extend(counts.chain(left).map(Cell::Count));
    Ok(Answer::Struct(cells))
}

/// How many bins there are, and the bin of a row.
fn bins_of<'a>(kept: &'a Rows, rows: &[Row], options: &Options) -> (usize, Box<dyn Fn(Row) -> usize + 'a>) {
    if kept.kinds.value == ValueKind::Number {
        let mut keys: Vec<u64> = rows.iter().filter(|row| row.side() == 0).map(|row| row.value).collect();
        let positions = quantile_positions(keys.len(), options.bins);
        let length = keys.len();
        let found = order_statistics(&mut keys, &positions);
        let edges = quantile_edges(length, options.bins, |at| {
            found[positions.partition_point(|&position| position < at)]
        });
        return (edges.len() + 1, Box::new(move |row| bin_of(value_of(row.value), &edges)));
    }
    // as psi takes the sum: by the counts of a category on both sides, here with the category behind
    let mut categories: Vec<u32> = rows.iter().map(|row| row.value as u32).collect();
    categories.sort_unstable();
    categories.dedup();
    let mut counted: Vec<([u64; 2], u32)> = categories.iter().map(|&category| ([0, 0], category)).collect();
    for row in rows {
        let at = categories.partition_point(|&other| other < row.value as u32);
        counted[at].0[row.side()] += 1;
    }
    counted.sort_unstable_by(|(a, one), (b, other)| {
        a.cmp(b).then_with(|| match kept.kinds.value {
            ValueKind::Text => kept.texts.compare(*one, *other),
            _ => one.cmp(other),
        })
    });
    let width = categories.len();
    let mut bins = vec![0; width];
    for (bin, (_, category)) in counted.into_iter().enumerate() {
        bins[categories.partition_point(|&other| other < category)] = bin;
    }
    (width, Box::new(move |row| bins[categories.partition_point(|&other| other < row.value as u32)]))
}

/// The rank of each id among them by `compare`.
fn ranks(ids: impl Iterator<Item = u32>, compare: impl Fn(u32, u32) -> Ordering) -> impl Fn(u32) -> usize {
    let mut ids: Vec<u32> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by(|&a, &b| compare(ids[a], ids[b]));
    let mut ranks = vec![0; ids.len()];
    for (rank, at) in order.into_iter().enumerate() {
        ranks[at] = rank;
    }
    move |id| ranks[ids.partition_point(|&other| other < id)]
}
