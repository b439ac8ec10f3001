//! What is kept of each group, and its two ways into DataFusion.
//!
//! A [`Store`] holds many groups and changes by integers only, so it can add, merge and take away in any order.
//! [`Grouped`] serves GROUP BY; [`Single`] serves a whole table and windows.

pub(super) mod cells;
pub(super) mod scores;
pub(super) mod tally;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::BooleanBuffer;
use datafusion::common::{Result, ScalarValue, internal_err, resources_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::aggregate::comparison::rows::conjunction;

/// Whether rows enter or leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    Remove,
}

/// The group of each row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Members<'a> {
    /// There is one group, number 0.
    One,
    Of(&'a [usize]),
}

impl Members<'_> {
    #[inline]
    fn group(self, row: usize) -> usize {
        match self {
            Self::One => 0,
            Self::Of(groups) => groups[row],
        }
    }
}

/// Rows of a batch that count, with their groups.
pub(super) struct Rows<'a> {
    args: &'a [ArrayRef],
    counted: BooleanBuffer,
    members: Members<'a>,
    change: Change,
}

impl<'a> Rows<'a> {
    /// The rows of `(label, prediction)` where neither is NULL and the filter lets them pass.
    fn new(
        args: &'a [ArrayRef],
        filter: Option<&BooleanArray>,
        members: Members<'a>,
        change: Change,
    ) -> Self {
        let counted = conjunction([args[0].nulls(), args[1].nulls()], filter)
            .unwrap_or_else(|| BooleanBuffer::new_set(args[0].len()));
        Self { args, counted, members, change }
    }
}

/// What is kept of many groups.
pub(super) trait Store: std::fmt::Debug + Send {
    /// An empty one for the same function.
    fn fresh(&self) -> Self;
    /// Makes room for groups up to `groups`.
    fn resize(&mut self, groups: usize);
    /// Adds the rows of a batch, or takes them away.
    fn update(&mut self, rows: &Rows<'_>) -> Result<()>;
    /// Adds the partial states of `states`, one a row.
    fn merge(&mut self, states: &[ArrayRef], members: Members<'_>) -> Result<()>;
    /// Takes the first `groups` groups out; those behind move down.
    fn take_first(&mut self, groups: usize) -> Self;
    /// One result a group. What is kept may be reordered, but stays.
    fn evaluate(&mut self) -> Result<ArrayRef>;
    /// One partial state a group.
    fn state(&mut self) -> Result<Vec<ArrayRef>>;
    fn heap_bytes(&self) -> usize;
}

/// The groups of an aggregation with GROUP BY.
#[derive(Debug)]
pub(super) struct Grouped<S> {
    store: S,
}

impl<S: Store> Grouped<S> {
    pub(super) fn new(store: S) -> Self {
        Self { store }
    }

    fn take(&mut self, emit_to: EmitTo) -> S {
        match emit_to {
            EmitTo::All => {
                let fresh = self.store.fresh();
                std::mem::replace(&mut self.store, fresh)
            }
            EmitTo::First(groups) => self.store.take_first(groups),
        }
    }
}

impl<S: Store + 'static> GroupsAccumulator for Grouped<S> {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.store.resize(checked_groups(total_num_groups)?);
        self.store.update(&Rows::new(args, filter, Members::Of(group_indices), Change::Add))
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.store.resize(checked_groups(total_num_groups)?);
        self.store.merge(states, Members::Of(group_indices))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.take(emit_to).evaluate()
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.take(emit_to).state()
    }

    fn convert_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut store = self.store.fresh();
        let own: Vec<usize> = (0..args[0].len()).collect();
        store.resize(own.len());
        store.update(&Rows::new(args, filter, Members::Of(&own), Change::Add))?;
        store.state()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.store.heap_bytes()
    }
}

/// The one group of an aggregation without GROUP BY, or of a window.
#[derive(Debug)]
pub(super) struct Single<S> {
    store: S,
}

impl<S: Store> Single<S> {
    pub(super) fn new(mut store: S) -> Self {
        store.resize(1);
        Self { store }
    }
}

impl<S: Store + Sync + 'static> Accumulator for Single<S> {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.store.update(&Rows::new(args, None, Members::One, Change::Add))
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.store.update(&Rows::new(args, None, Members::One, Change::Remove))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.store.state()?.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.store.merge(states, Members::One)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.store.evaluate()?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.store.heap_bytes()
    }
}

/// Group numbers are kept in 32 bits.
fn checked_groups(total_num_groups: usize) -> Result<usize> {
    const GROUPS_MAX: usize = u32::MAX as usize;
    if total_num_groups > GROUPS_MAX {
        return resources_err!("more than {GROUPS_MAX} groups in one aggregation");
    }
    Ok(total_num_groups)
}

/// What a window says that takes back more than it gave.
fn never_held<T>() -> Result<T> {
    internal_err!("a window retracted rows that it never held")
}
