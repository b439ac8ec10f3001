//! Comparing with a stored reference instead of rows: every row belongs to the current population, the bins are known before the
//! first one, and the counts of the reference wait for the end.
//!
//! Where a baseline has keys, each group is compared with the reference of its own. An accumulator cannot see what it is grouped
//! by, so the keys come as arguments behind the value; planning has made sure that they are equal in all rows of a group, so the
//! first one decides.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::take;
use datafusion::common::Result;

use super::Excluded;
use super::kept::Bins;
use super::kept::lists::{integer_lists, integers_of};
use crate::baseline::{Content, Reference, References};
use crate::kernels::reference::Knots;

/// A group of which no row was seen.
const UNSEEN: u32 = u32::MAX;
/// A group whose key has no reference.
const MISSING: u32 = u32::MAX - 1;

/// The references of one call, cut into its bins.
#[derive(Debug)]
pub(crate) struct Against {
    references: Arc<References>,
    /// The reference of every row, as an index of `prepared`; `None` where the keys decide.
    fixed: Option<u32>,
    prepared: Vec<Prepared>,
    /// The bins of the largest of them.
    width: usize,
}

/// One reference, cut into bins.
#[derive(Debug)]
pub(crate) struct Prepared {
    reference: Arc<Reference>,
    pub(crate) bins: Bins,
    pub(crate) counts: Vec<u64>,
    pub(crate) excluded: Excluded,
}

/// How a reference is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// Into so many quantile bins; categories are their own bins.
    Values { bins: usize },
    /// Into one: there or NULL.
    Presence,
}

impl Against {
    /// Prepares the reference of a row, `Some(None)` being a key without one, or all of them.
    pub(crate) fn new(references: Arc<References>, row: Option<Option<u32>>, cut: Cut) -> Self {
        let rows = references.rows();
        let (fixed, rows) = match row {
            None => (None, rows),
            Some(None) => (Some(MISSING), &rows[..0]),
            Some(Some(row)) => (Some(0), &rows[row as usize..][..1]),
        };
        let prepared: Vec<Prepared> = rows.iter().map(|reference| Prepared::new(reference, cut)).collect();
        let width = prepared.iter().map(|prepared| prepared.bins.width()).max().unwrap_or(1);
        Self { references, fixed, prepared, width }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The reference that was chosen for a group.
    pub(crate) fn chosen(&self, choice: u32) -> Option<&Prepared> {
        self.prepared.get(choice as usize)
    }

    /// The same, where an answer is asked for: counts a key that has none.
    pub(crate) fn answering(&self, choice: u32) -> Option<&Prepared> {
        if choice == MISSING {
            self.references.miss(1);
        }
        self.chosen(choice)
    }

    /// The choice of a group before any row of it was seen.
    pub(crate) fn unseen(&self) -> u32 {
        self.fixed.unwrap_or(UNSEEN)
    }

    /// The choice of a group that has not chosen yet, by the first row of a batch.
    pub(crate) fn choose_once(&self, choice: &mut u32, args: &[ArrayRef]) -> Result<()> {
        if *choice == UNSEEN && !args[0].is_empty() {
            let first: Vec<ArrayRef> = args[1..].iter().map(|key| key.slice(0, 1)).collect();
            *choice = self.choices(&first)?[0];
        }
        Ok(())
    }

    fn choices(&self, keys: &[ArrayRef]) -> Result<Vec<u32>> {
        match (self.fixed, self.references.keys()) {
            (None, Some(stored)) => {
                Ok(stored.find(keys)?.into_iter().map(|row| row.unwrap_or(MISSING)).collect())
            }
            (fixed, _) => Ok(vec![fixed.unwrap_or(MISSING); keys.first().map_or(1, |key| key.len())]),
        }
    }
}

impl Prepared {
    fn new(reference: &Arc<Reference>, cut: Cut) -> Self {
        let excluded = reference.excluded;
        let (bins, counts, excluded) = match (cut, &reference.content) {
            (Cut::Presence, _) => {
                // NaN and infinities are values here
                let values = reference.count() + excluded.nans + excluded.infinities;
                (Bins::Whole, vec![values], Excluded { nulls: excluded.nulls, ..Excluded::default() })
            }
            (Cut::Values { bins }, Content::Numbers(knots)) => {
                let edges = edges_of(knots, bins);
                let counts = knots.counts(&edges);
                (Bins::Edges(edges.into()), counts, excluded)
            }
            (Cut::Values { .. }, Content::Flags(counts)) => (Bins::Flags, counts.to_vec(), excluded),
            (Cut::Values { .. }, Content::Texts { counts, .. }) => (Bins::Whole, counts.clone(), excluded),
            // refused where a call is bound
            (Cut::Values { .. }, Content::Embeddings(_)) => (Bins::Whole, vec![0], excluded),
        };
        Self { reference: Arc::clone(reference), bins, counts, excluded }
    }

    /// The texts of the categories, in the order of `counts`.
    pub(crate) fn texts(&self) -> &[String] {
        match &self.reference.content {
            Content::Texts { texts, .. } => texts,
            _ => &[],
        }
    }
}

fn edges_of(knots: &Knots, bins: usize) -> Vec<f64> {
    if knots.is_empty() { Vec::new() } else { knots.edges(bins) }
}

/// Which reference each group is compared with.
#[derive(Debug, Default)]
pub(crate) struct Choices(Vec<u32>);

impl Choices {
    pub(crate) fn of(&self, group: usize) -> u32 {
        self.0[group]
    }

    /// Lets the groups that come up in a batch for the first time choose.
    pub(crate) fn add(
        &mut self,
        against: &Against,
        args: &[ArrayRef],
        group_indices: &[usize],
        groups: usize,
    ) -> Result<()> {
        self.0.resize(groups, against.unseen());
        if against.fixed.is_some() {
            return Ok(());
        }
        let (mut rows, mut first) = (Vec::new(), Vec::new());
        for (row, &group) in group_indices.iter().enumerate() {
            if self.0[group] == UNSEEN {
                // no other row of the group needs to be asked
                self.0[group] = MISSING;
                rows.push(row as u64);
                first.push(group);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let rows = arrow::array::UInt64Array::from(rows);
        let keys = args[1..].iter().map(|key| take(key, &rows, None)).collect::<Result<Vec<_>, _>>()?;
        for (group, choice) in first.into_iter().zip(against.choices(&keys)?) {
            self.0[group] = choice;
        }
        Ok(())
    }

    /// Takes the choices of partial states in.
    pub(crate) fn merge(
        &mut self,
        against: &Against,
        lists: &ArrayRef,
        group_indices: &[usize],
        groups: usize,
    ) {
        self.0.resize(groups, against.unseen());
        for (row, &group) in group_indices.iter().enumerate() {
            if let Some(choice) = choice_of(lists, row) {
                self.0[group] = choice;
            }
        }
    }

    /// Takes the first groups out; the groups behind move down.
    pub(crate) fn leave(&mut self, groups: usize) -> Self {
        let later = self.0.split_off(groups.min(self.0.len()));
        Self(std::mem::replace(&mut self.0, later))
    }

    /// The state: a list of the choice, empty where none was made.
    pub(crate) fn state(&self, groups: usize) -> ArrayRef {
        state_of(self.0.iter().take(groups).copied())
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }
}

/// The choices of groups as a column of partial states.
pub(crate) fn state_of(choices: impl IntoIterator<Item = u32>) -> ArrayRef {
    let (mut values, mut ends) = (Vec::new(), vec![0]);
    for choice in choices {
        values.extend((choice != UNSEEN).then_some(u64::from(choice)));
        ends.push(values.len() as i64);
    }
    Arc::new(integer_lists(values, ends))
}

/// The choice that a partial state says.
pub(crate) fn choice_of(lists: &ArrayRef, row: usize) -> Option<u32> {
    integers_of(lists, row).first().map(|&choice| choice as u32)
}
