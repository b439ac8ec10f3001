//! A frame of categories that slides: exact counts of what lies in it, cut down to the most frequent ones for each answer alone.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef};
use datafusion::common::{HashMap, Result, ScalarValue, internal_err, not_impl_err};
use datafusion::logical_expr::Accumulator;

use super::super::aggregate::Source;
use super::accumulator::{for_each_category, scalar_of};
use super::{CategoryCounts, CategoryDistribution, CategoryDistributions, counted};

/// The categories of a frame, each once with its count.
#[derive(Debug)]
pub(in super::super) struct SlidingCategories {
    source: Source,
    max_categories: u32,
    /// Rows that are distributions, by their own limit.
    limits: BTreeMap<u32, u64>,
    count: u64,
    nulls: u64,
    error: u64,
    counts: HashMap<Box<str>, u64>,
    text_bytes: usize,
}

impl SlidingCategories {
    pub(in super::super) fn new(source: Source, max_categories: u32) -> Self {
        Self {
            source,
            max_categories,
            limits: BTreeMap::new(),
            count: 0,
            nulls: 0,
            error: 0,
            counts: HashMap::default(),
            text_bytes: 0,
        }
    }

    fn raise(&mut self, category: &str, times: u64) {
        match self.counts.get_mut(category) {
            Some(count) => *count += times,
            None => {
                self.text_bytes += category.len();
                self.counts.insert(category.into(), times);
            }
        }
    }

    /// Takes a count back; false where it was never there.
    fn lower(&mut self, category: &str, times: u64) -> bool {
        let Some(count) = self.counts.get_mut(category).filter(|count| **count >= times) else {
            return false;
        };
        *count -= times;
        if *count == 0 {
            self.counts.remove(category);
            self.text_bytes -= category.len();
        }
        true
    }

    fn merge(&mut self, distribution: &CategoryDistribution) {
        *self.limits.entry(distribution.max_categories).or_default() += 1;
        self.count += distribution.count;
        self.nulls += distribution.nulls;
        self.error += distribution.error;
        distribution.entries.iter().for_each(|(category, count)| self.raise(category, *count));
    }

    fn take_back(&mut self, distribution: &CategoryDistribution) -> bool {
        match self.limits.get_mut(&distribution.max_categories) {
            None => return false,
            Some(1) => drop(self.limits.remove(&distribution.max_categories)),
            Some(rows) => *rows -= 1,
        }
        self.count -= distribution.count;
        self.nulls -= distribution.nulls;
        self.error -= distribution.error;
        distribution.entries.iter().all(|(category, count)| self.lower(category, *count))
    }

    /// Calls `change` with every distribution of a column.
    fn for_each(array: &ArrayRef, mut change: impl FnMut(&CategoryDistribution) -> bool) -> Result<bool> {
        let distributions = CategoryDistributions::new(array)?;
        let mut all = true;
        for row in 0..array.len() {
            if let Some(distribution) = distributions.get(row)? {
                all &= change(&distribution);
            }
        }
        Ok(all)
    }
}

impl Accumulator for SlidingCategories {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        if self.source == Source::Distributions {
            Self::for_each(&args[0], |distribution| {
                self.merge(distribution);
                true
            })?;
            return Ok(());
        }
        for_each_category(&args[0], |_, category| match category {
            None => self.nulls += 1,
            Some(category) => {
                self.count += 1;
                self.raise(category, 1);
            }
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let mut known = true;
        if self.source == Source::Distributions {
            known = Self::for_each(&args[0], |distribution| self.take_back(distribution))?;
        } else {
            for_each_category(&args[0], |_, category| match category {
                None => self.nulls -= 1,
                Some(category) => {
                    self.count -= 1;
                    known &= self.lower(category, 1);
                }
            })?;
        }
        if known { Ok(()) } else { internal_err!("a window retracted values that it never held") }
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        not_impl_err!("a sliding frame has no partial states")
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        not_impl_err!("a sliding frame has no partial states")
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let least = self.limits.keys().next().copied().unwrap_or(self.max_categories);
        let mut whole = CategoryCounts::new(least.min(self.max_categories));
        whole.add_nulls(self.nulls);
        // counts first and the limit in the end: the frame is exact as long as its categories fit
        let entries: Vec<(Box<str>, u64)> =
            self.counts.iter().map(|(category, count)| (category.clone(), *count)).collect();
        let has_rows = !self.limits.is_empty() || self.count > 0;
        if has_rows {
            let frame = CategoryDistribution {
                max_categories: whole.max_categories,
                count: self.count,
                nulls: 0,
                error: self.error,
                entries,
            };
            counted(whole.merge(&frame))?;
        }
        scalar_of(whole.finish())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.text_bytes + self.counts.capacity() * (size_of::<(Box<str>, u64)>() + 1)
    }
}
