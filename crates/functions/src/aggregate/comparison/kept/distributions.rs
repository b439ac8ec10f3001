//! Both populations of a group as distributions: what is left of the numbers of a group that is past the limit of exact modes.
//!
//! Counts of buckets do not depend on the order of rows, so an answer depends on the rows alone, here too. Memory is at most
//! [`BUCKETS_MAX`] buckets a side, however many rows come.

use datafusion::common::{Result, internal_err, resources_err};

use crate::aggregate::comparison::{Answer, Excluded, Plan};
use crate::kernels::distribution::{BUCKETS_MAX, CountOverflow, Distribution, DistributionBuilder};
use crate::kernels::keys::value_of;

/// Keys that are read back at a time.
const BLOCK: usize = 512;

/// The finite numbers of one group.
#[derive(Debug, Clone)]
pub(crate) struct Distributions {
    sides: [DistributionBuilder; 2],
}

impl Default for Distributions {
    fn default() -> Self {
        Self { sides: [0, 1].map(|_| DistributionBuilder::without_sum(BUCKETS_MAX)) }
    }
}

impl Distributions {
    /// Adds finite numbers, given as keys.
    pub(crate) fn add_keys(&mut self, side: usize, keys: &[u64]) {
        let mut values = [0.0; BLOCK];
        for block in keys.chunks(BLOCK) {
            for (value, &key) in values.iter_mut().zip(block) {
                *value = value_of(key);
            }
            self.sides[side].add_values(&values[..block.len()]);
        }
    }

    /// Adds one finite number.
    pub(crate) fn add_key(&mut self, side: usize, key: u64) {
        self.sides[side].add_value(value_of(key));
    }

    /// Adds what a partial state holds of a side: keys, or a packed distribution.
    pub(crate) fn merge(&mut self, side: usize, integers: &[u64]) -> Result<()> {
        if !Distribution::is_packed(integers) {
            self.add_keys(side, integers);
            return Ok(());
        }
        match Distribution::unpack(integers) {
            Some(distribution) => self.merge_distribution(side, &distribution),
            None => internal_err!("a partial state holds a damaged distribution"),
        }
    }

    /// Adds the values of a distribution to a side.
    pub(crate) fn merge_distribution(&mut self, side: usize, distribution: &Distribution) -> Result<()> {
        match self.sides[side].merge(distribution) {
            Ok(()) => Ok(()),
            Err(CountOverflow) => resources_err!("more than {} values in one group", i64::MAX),
        }
    }

    /// What a partial state holds of a side.
    pub(crate) fn pack(&self, side: usize) -> Vec<u64> {
        self.sides[side].finish().pack()
    }

    pub(crate) fn answer(&self, plan: &Plan, excluded: [Excluded; 2]) -> Result<Answer> {
        let [reference, current] = self.sides.each_ref().map(DistributionBuilder::finish);
        plan.of_distributions(&reference, &current, excluded)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.sides.iter().map(DistributionBuilder::heap_bytes).sum()
    }
}
