//! Many groups, and one, in DataFusion.

use arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::common::{Result, ScalarValue, resources_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::answer::{RETURNS, answer};
use super::options::Options;
use super::rows::Rows;
use crate::aggregate::comparison::Results;

/// The accumulator of many groups.
#[derive(Debug)]
pub(super) struct Grouped {
    rows: Rows,
    options: Options,
}

impl Grouped {
    pub(super) fn new(rows: Rows, options: Options) -> Self {
        Self { rows, options }
    }

    fn count(&self, emit_to: EmitTo) -> usize {
        match emit_to {
            EmitTo::All => self.rows.groups,
            EmitTo::First(groups) => groups,
        }
    }

    /// The last ones take their memory along.
    fn forget(&mut self) {
        if self.rows.groups == 0 {
            self.rows = self.rows.fresh();
        }
    }
}

impl GroupsAccumulator for Grouped {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.rows.groups = checked_groups(total_num_groups)?;
        self.rows.add(args, filter, |row| group_indices[row])
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.rows.groups = checked_groups(total_num_groups)?;
        self.rows.merge(states, |row| group_indices[row])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.count(emit_to);
        let (leaving, left) = self.rows.leave(groups);
        let mut results = Results::new(&RETURNS);
        let mut rest = leaving.as_slice();
        for (group, left) in left.into_iter().enumerate() {
            let (own, behind) = rest.split_at(rest.partition_point(|row| row.group() <= group));
            rest = behind;
            results.push(answer(&self.rows, own, left, &self.options)?)?;
        }
        self.forget();
        results.finish()
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = self.count(emit_to);
        let (leaving, left) = self.rows.leave(groups);
        let states = self.rows.states(&leaving, &left);
        self.forget();
        Ok(states)
    }

    /// Every row as a group of its own.
    fn convert_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut single = Self::new(self.rows.fresh(), self.options.clone());
        let own: Vec<usize> = (0..args[0].len()).collect();
        single.update_batch(args, &own, filter, own.len())?;
        single.state(EmitTo::All)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.rows.heap_bytes()
    }
}

/// The accumulator of one group.
#[derive(Debug)]
pub(super) struct Single {
    rows: Rows,
    options: Options,
}

impl Single {
    pub(super) fn new(rows: Rows, options: Options) -> Self {
        Self { rows, options }
    }
}

impl Accumulator for Single {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.rows.add(args, None, |_| 0)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.rows.remove(args)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.rows.groups = 1;
        let (leaving, left) = self.rows.leave(1);
        let states = self.rows.states(&leaving, &left);
        states.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.rows.merge(states, |_| 0)
    }

    /// Rows may still come and go afterwards.
    fn evaluate(&mut self) -> Result<ScalarValue> {
        RETURNS.value(answer(&self.rows, self.rows.rows(), self.rows.left_of(0), &self.options)?)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.rows.heap_bytes()
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
