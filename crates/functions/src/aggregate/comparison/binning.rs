//! From what a group has kept to its answer.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, resources_err};

use super::evidence::{BUCKETS, Counts, EXACT, Labels, Population, Sorted};
use super::excluded::Excluded;
use super::kept::Interner;
use super::rows::Sides;
use super::{Answer, Measure, Plan};
use crate::kernels::bins;
use crate::kernels::distribution::{self, Binned, Distribution};
use crate::kernels::histograms::{doane_bins, sturges_bins};
use crate::kernels::keys::value_of;
use crate::kernels::parallel::both;
use crate::kernels::selection::order_statistics;
use crate::options::Binning;

/// References of so many values are counted at the same time as the current population.
const AT_ONCE_MIN: usize = 1 << 17;

impl Plan {
    /// Which rows belong to which population.
    pub(crate) fn sides(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Sides> {
        match self.against_baseline {
            true => Ok(Sides::current(&args[0], filter)),
            false => Sides::new(args, filter).map(|sides| match args[0].data_type() {
                // a missing distribution is no missing value
                DataType::Struct(_) if !matches!(self.measure, Measure::Presence(_)) => {
                    Sides { nulls: None, ..sides }
                }
                _ => sides,
            }),
        }
    }

    /// Whether the numbers of a group must be sorted; most bins need them only selected and counted.
    pub(crate) fn needs_order(&self) -> bool {
        match self.measure {
            Measure::Ranked(_) | Measure::Bounded { .. } | Measure::Mixed { .. } | Measure::Summary(_) => {
                true
            }
            _ => matches!(self.options.binning, Binning::Sturges | Binning::Doane),
        }
    }

    /// The answer over counts.
    pub(crate) fn of_counts(&self, counts: &Counts<'_>) -> Answer {
        let measure = match self.measure {
            Measure::Binned(measure) | Measure::Flagged(measure) | Measure::Categories(measure) => measure,
            Measure::Mixed { categories, .. } => categories,
            Measure::Presence(measure) => return measure(counts, &self.options),
            Measure::Summary(measure) => {
                return measure(&Population::Categories(counts), counts.excluded[0]);
            }
            Measure::Ranked(_) | Measure::Bounded { .. } | Measure::Profiled { .. } => {
                unreachable!("ranks are taken of kept values")
            }
        };
        match counts.totals() {
            [0, _] | [_, 0] => Answer::Null,
            _ => measure(counts, &self.options),
        }
    }

    /// The answer over categories, given as counts (reference, current) and number of each, in any order.
    pub(crate) fn of_categories(
        &self,
        interner: &Interner,
        categories: impl IntoIterator<Item = ([u64; 2], u32)>,
        excluded: [Excluded; 2],
    ) -> Answer {
        let (reference, current, ids) = in_order_of_counts(categories);
        let labels = Labels::Texts(interner, &ids);
        self.of_counts(&Counts { reference: &reference, current: &current, labels, excluded, method: EXACT })
    }

    /// The answer over the counts of false and true.
    pub(crate) fn of_flags(&self, reference: &[u64], current: &[u64], excluded: [Excluded; 2]) -> Answer {
        if matches!(self.measure, Measure::Flagged(_)) {
            let labels = Labels::Flags(&[0, 1]);
            return self.of_counts(&Counts { reference, current, labels, excluded, method: EXACT });
        }
        let pairs = reference.iter().zip(current).map(|(&r, &c)| [r, c]);
        let (reference, current, flags) = in_order_of_counts(pairs.zip(0..));
        let labels = Labels::Flags(&flags);
        self.of_counts(&Counts { reference: &reference, current: &current, labels, excluded, method: EXACT })
    }

    /// The answer over sorted keys.
    pub(crate) fn of_sorted(&self, reference: &[u64], current: &[u64], excluded: [Excluded; 2]) -> Answer {
        if let Measure::Summary(measure) = self.measure {
            return measure(&Population::Numbers(reference), excluded[0]);
        }
        if reference.is_empty() || current.is_empty() {
            return Answer::Null;
        }
        if let Measure::Ranked(measure)
        | Measure::Bounded { exact: measure, .. }
        | Measure::Mixed { numbers: measure, .. } = self.measure
        {
            let sides = Sorted { reference, current, integers: self.integers, excluded };
            return measure(&sides, &self.options);
        }
        let extremes = (value_of(reference[0]), value_of(reference[reference.len() - 1]));
        // at least two, so that a constant column is an atom between them and not a blind spot
        let of_equal_width = |bins: usize| bins::uniform_edges(extremes.0, extremes.1, bins.max(2));
        let edges = match &self.options.binning {
            Binning::Quantile { bins } => bins::quantile_edges(reference.len(), *bins, |at| reference[at]),
            Binning::Uniform { bins } => of_equal_width(*bins),
            Binning::Sturges => {
                of_equal_width(sturges_bins(reference.len(), extremes.0, extremes.1, self.integers))
            }
            Binning::Doane => of_equal_width(doane_bins(reference, self.integers)),
            Binning::Edges(edges) => edges.clone(),
        };
        let counts = |keys| bins::counts_of_sorted(keys, &edges);
        let (reference, current) = (counts(reference), counts(current));
        self.of_counts(&Counts::of_bins(&reference, &current, &edges, excluded))
    }

    /// The answer over keys in any order; the reference may be reordered. Bins only: three times as fast as sorting first.
    pub(crate) fn of_unsorted(
        &self,
        reference: &mut [u64],
        current: &[&[u64]],
        excluded: [Excluded; 2],
    ) -> Answer {
        if reference.is_empty() || current.iter().all(|part| part.is_empty()) {
            return Answer::Null;
        }
        let edges = match &self.options.binning {
            Binning::Quantile { bins } => {
                let positions = bins::quantile_positions(reference.len(), *bins);
                let found = order_statistics(reference, &positions);
                let nth = |at: usize| found[positions.partition_point(|&position| position < at)];
                bins::quantile_edges(reference.len(), *bins, nth)
            }
            Binning::Uniform { bins } => {
                let (low, high) =
                    reference.iter().fold((u64::MAX, 0), |(low, high), &key| (low.min(key), high.max(key)));
                bins::uniform_edges(value_of(low), value_of(high), *bins)
            }
            Binning::Sturges | Binning::Doane => unreachable!("these bins are made of sorted numbers"),
            Binning::Edges(edges) => edges.clone(),
        };
        let counts = |parts: &[&[u64]]| {
            let mut counts = vec![0; edges.len() + 1];
            parts.iter().for_each(|part| bins::add_key_counts(&mut counts, part, &edges));
            counts
        };
        let at_once = reference.len() >= AT_ONCE_MIN;
        let (reference, current) = both(at_once, || counts(&[reference]), || counts(current));
        self.of_counts(&Counts::of_bins(&reference, &current, &edges, excluded))
    }

    /// The answer over distributions, for a group with more values than exact modes keep: bins at quantiles move to the nearest ends
    /// of buckets, a test answers with bounds. What would be a number made up is refused instead.
    pub(crate) fn of_distributions(
        &self,
        reference: &Distribution,
        current: &Distribution,
        excluded: [Excluded; 2],
    ) -> Result<Answer> {
        let advice = match (self.measure, &self.options.binning) {
            (Measure::Bounded { bounds, .. }, _) => {
                return Ok(match reference.count() > 0 && current.count() > 0 {
                    true => bounds(reference, current, &self.options),
                    false => Answer::Null,
                });
            }
            (Measure::Binned(_), Binning::Quantile { bins }) => {
                let Some(binned) = distribution::binned(reference, current, *bins) else {
                    return Ok(Answer::Null);
                };
                let Binned { edges, reference, current } = &binned;
                let counts = Counts::of_bins(reference, current, edges, excluded);
                return Ok(self.of_counts(&Counts { method: BUCKETS, ..counts }));
            }
            (Measure::Binned(_), _) => {
                "use bins at quantiles, which move to ends of buckets then, or give edges"
            }
            (Measure::Summary(_), _) => "make the baseline of fewer rows",
            _ if self.options.profile.is_some() => {
                "leave out the profile, whose convention needs every value"
            }
            _ => {
                "use ks_test, which answers with bounds then, or ks_between and wasserstein_between over distribution(value)"
            }
        };
        resources_err!(
            "{}: a group has more than {} values, the limit of drift.exact_max_rows: raise it, or {advice}",
            self.comparison.name,
            self.exact_max_rows
        )
    }
}

/// Sums over categories are taken in the order of their counts: neither the order of rows nor that of partial states changes
/// a bit of them.
pub(crate) fn in_order_of_counts(
    categories: impl IntoIterator<Item = ([u64; 2], u32)>,
) -> (Vec<u64>, Vec<u64>, Vec<u32>) {
    // a category that a window has lost on both sides is not a category any more
    let mut kept: Vec<([u64; 2], u32)> =
        categories.into_iter().filter(|(counts, _)| *counts != [0, 0]).collect();
    kept.sort_unstable();
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for ([reference, current], id) in kept {
        columns.0.push(reference);
        columns.1.push(current);
        columns.2.push(id);
    }
    columns
}
