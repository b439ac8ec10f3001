//! What a measure is computed from: two populations, finished.

use super::excluded::Excluded;
use super::kept::Interner;

/// Bins are where the options put them.
pub(crate) const EXACT: &str = "exact";
/// Bins at quantiles have moved to the nearest ends of a distribution's buckets; their counts are exact.
pub(crate) const BUCKETS: &str = "buckets";

/// Counts of both populations over the same bins.
pub(crate) struct Counts<'a> {
    pub(crate) reference: &'a [u64],
    pub(crate) current: &'a [u64],
    pub(crate) labels: Labels<'a>,
    /// What no bin counts, of the reference and of the current population.
    pub(crate) excluded: [Excluded; 2],
    /// How the bins were found: [`EXACT`] or [`BUCKETS`].
    pub(crate) method: &'static str,
}

impl<'a> Counts<'a> {
    /// Over bins of numbers between edges.
    pub(crate) fn of_bins(
        reference: &'a [u64],
        current: &'a [u64],
        edges: &'a [f64],
        excluded: [Excluded; 2],
    ) -> Self {
        Self { reference, current, labels: Labels::Edges(edges), excluded, method: EXACT }
    }

    /// Counted values of the reference and of the current population.
    pub(crate) fn totals(&self) -> [u64; 2] {
        [self.reference.iter().sum(), self.current.iter().sum()]
    }
}

/// One population, finished.
pub(crate) enum Population<'a> {
    /// The finite numbers, as sorted keys.
    Numbers(&'a [u64]),
    /// Categories, with the counts of the reference alone.
    Categories(&'a Counts<'a>),
}

/// What the bins are called.
pub(crate) enum Labels<'a> {
    /// Numbers between edges: one bin more than edges, the outer ones open.
    Edges(&'a [f64]),
    /// Texts, by their number.
    Texts(&'a Interner, &'a [u32]),
    /// 0 is false, 1 is true.
    Flags(&'a [u32]),
    /// One bin for everything.
    Whole,
}

impl Labels<'_> {
    /// The lower edge, included, and the upper edge, excluded, of a bin of numbers; `None` where it is open.
    pub(crate) fn edges(&self, bin: usize) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Edges(edges) => {
                (bin.checked_sub(1).and_then(|below| edges.get(below).copied()), edges.get(bin).copied())
            }
            _ => (None, None),
        }
    }

    /// The category of a bin.
    pub(crate) fn category(&self, bin: usize) -> Option<&str> {
        match self {
            Self::Texts(interner, ids) => Some(interner.text(ids[bin])),
            Self::Flags(flags) => Some(["false", "true"][flags[bin] as usize]),
            Self::Edges(_) | Self::Whole => None,
        }
    }
}

/// The finite numbers of both populations, as sorted keys.
pub(crate) struct Sorted<'a> {
    pub(crate) reference: &'a [u64],
    pub(crate) current: &'a [u64],
    /// Whether the column holds whole numbers by its type.
    pub(crate) integers: bool,
    /// NULL, NaN and infinite values of the reference and of the current population.
    #[expect(dead_code, reason = "what every measure is given; no function of ranks reports it yet")]
    pub(crate) excluded: [Excluded; 2],
}
