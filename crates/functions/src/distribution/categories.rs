//! Distributions of categories: how often each text comes. Exact up to a number of distinct texts, the most frequent ones with a
//! bound beyond.

mod accumulator;
mod aggregate;
mod column;
mod sliding;

use datafusion::common::HashMap;

use crate::kernels::distribution::{COUNT_MAX, CountOverflow};
use crate::kernels::heavy_hitters::lessen_by;

pub(super) use accumulator::{CategoryAccumulator, CategoryGroups};
pub(crate) use aggregate::CategoryDistributionFunction;
pub(crate) use column::{CategoryDistributions, reads};
pub(super) use column::{array_of, data_type};
pub(super) use sliding::SlidingCategories;

/// Distinct categories that are counted exactly unless another number is asked for.
pub(super) const CATEGORIES_DEFAULT: u32 = 10_000;
/// Most that can be asked for.
pub(super) const CATEGORIES_MAX: u32 = 100_000;

/// The categories of a group, finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CategoryDistribution {
    /// Most categories that it may list.
    pub(crate) max_categories: u32,
    /// How many values there are.
    pub(crate) count: u64,
    /// How many NULLs.
    pub(crate) nulls: u64,
    /// By how much a listed count may be too small, and how often a category may come that is not listed. 0: all is exact.
    pub(crate) error: u64,
    /// By name: categories and their counts.
    pub(crate) entries: Vec<(Box<str>, u64)>,
}

impl CategoryDistribution {
    /// Whether the parts fit together; the first thing that does not, in words.
    fn check(&self) -> Result<(), String> {
        let counted = self.entries.iter().try_fold(0u64, |sum, (_, count)| sum.checked_add(*count));
        if !(1..=CATEGORIES_MAX).contains(&self.max_categories) {
            return Err(format!(
                "max_categories must lie from 1 to {CATEGORIES_MAX}, got {}",
                self.max_categories
            ));
        }
        if self.entries.len() > self.max_categories as usize {
            return Err(format!(
                "there must be at most {} categories, got {}",
                self.max_categories,
                self.entries.len()
            ));
        }
        if let Some(pair) = self.entries.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            return Err(format!("categories must rise, got '{}' before '{}'", pair[0].0, pair[1].0));
        }
        match counted {
            Some(counted) if self.entries.iter().all(|(_, count)| *count > 0) => match self.error {
                0 if counted != self.count => Err(format!("count must be the sum of all counts, {counted}")),
                _ if counted > self.count => {
                    Err(format!("count must be at least the sum of all counts, {counted}"))
                }
                _ => Ok(()),
            },
            _ => Err("counts must be more than 0 and fit BIGINT".to_owned()),
        }
    }
}

/// Categories that are being counted.
#[derive(Debug, Clone)]
pub(super) struct CategoryCounts {
    max_categories: u32,
    count: u64,
    nulls: u64,
    error: u64,
    counts: HashMap<Box<str>, u64>,
    text_bytes: usize,
    has_merged: bool,
}

impl CategoryCounts {
    pub(super) fn new(max_categories: u32) -> Self {
        Self {
            max_categories,
            count: 0,
            nulls: 0,
            error: 0,
            counts: HashMap::default(),
            text_bytes: 0,
            has_merged: false,
        }
    }

    pub(super) fn add_nulls(&mut self, nulls: u64) {
        self.nulls += nulls;
    }

    /// Adds a category that comes `times` times.
    pub(super) fn add(&mut self, category: &str, times: u64) {
        self.count += times;
        self.raise(category, times);
        // one pass over twice the counters pays for as many new ones
        if self.counts.len() > 2 * self.max_categories as usize {
            self.lessen();
        }
    }

    /// Adds another distribution. The smaller `max_categories` of the two holds from now on.
    pub(super) fn merge(&mut self, other: &CategoryDistribution) -> Result<(), CountOverflow> {
        self.count =
            self.count.checked_add(other.count).filter(|&sum| sum <= COUNT_MAX).ok_or(CountOverflow)?;
        self.nulls =
            self.nulls.checked_add(other.nulls).filter(|&sum| sum <= COUNT_MAX).ok_or(CountOverflow)?;
        self.max_categories = self.max_categories.min(other.max_categories);
        self.error += other.error;
        self.has_merged = true;
        other.entries.iter().for_each(|(category, count)| self.raise(category, *count));
        if self.counts.len() > 2 * self.max_categories as usize {
            self.lessen();
        }
        Ok(())
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

    /// Keeps the most frequent ones.
    fn lessen(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let by = lessen_by(&mut counts, self.max_categories as usize);
        self.error += by;
        let mut text_bytes = 0;
        self.counts.retain(|category, count| {
            *count -= (*count).min(by);
            text_bytes += if *count > 0 { category.len() } else { 0 };
            *count > 0
        });
        self.text_bytes = text_bytes;
    }

    /// The distribution of what was added so far; `None` when that is nothing.
    pub(super) fn finish(&self) -> Option<CategoryDistribution> {
        if self.count == 0 && self.nulls == 0 && !self.has_merged {
            return None;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let by = lessen_by(&mut counts, self.max_categories as usize);
        let kept = self.counts.iter().filter(|(_, count)| **count > by);
        let mut entries: Vec<(Box<str>, u64)> =
            kept.map(|(category, count)| (category.clone(), count - by)).collect();
        entries.sort_unstable();
        Some(CategoryDistribution {
            max_categories: self.max_categories,
            count: self.count,
            nulls: self.nulls,
            error: self.error + by,
            entries,
        })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.text_bytes + self.counts.capacity() * (size_of::<(Box<str>, u64)>() + 1)
    }
}

/// Turns an overflow of counts into words.
pub(super) fn counted(outcome: Result<(), CountOverflow>) -> datafusion::common::Result<()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(CountOverflow) => {
            datafusion::common::resources_err!("a distribution counts at most {COUNT_MAX} values")
        }
    }
}
