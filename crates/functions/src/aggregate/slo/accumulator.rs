//! Good and total events a group, with the group's objective.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, UInt64Array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::{Measure, ServiceLevel, objective};
use crate::aggregate::comparison::rows::conjunction;
use crate::kernels::collect::for_each_selected;

/// Largest count of events that a DOUBLE holds exactly.
const WHOLE_DOUBLE_MAX: f64 = 9_007_199_254_740_992.0;

/// What was seen of a service in a group.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    rows: u64,
    pub(crate) good: u64,
    pub(crate) total: u64,
    pub(crate) objective: Option<f64>,
}

impl Traffic {
    /// The share of good events. Call only with traffic.
    pub(crate) fn sli(&self) -> f64 {
        self.good as f64 / self.total as f64
    }

    /// The share of bad events over the share that the objective allows. Call only with traffic.
    pub(crate) fn burn_rate(&self) -> f64 {
        let bad = (self.total - self.good) as f64 / self.total as f64;
        bad / (1.0 - self.objective.expect("traffic has an objective"))
    }

    fn add(&mut self, more: &Self) -> Result<()> {
        if more.rows == 0 {
            return Ok(());
        }
        match (self.objective, more.objective) {
            (Some(ours), Some(theirs)) if ours != theirs => {
                return exec_err!(
                    "objective must be the same within a group, got {ours} and {theirs}: group by it"
                );
            }
            (None, theirs) => self.objective = theirs,
            _ => {}
        }
        let (Some(good), Some(total)) =
            (self.good.checked_add(more.good), self.total.checked_add(more.total))
        else {
            return exec_err!("event counts of a group add up to more than {}", u64::MAX);
        };
        (self.rows, self.good, self.total) = (self.rows + more.rows, good, total);
        Ok(())
    }

    fn retract(&mut self, less: &Self) -> Result<()> {
        if self.rows < less.rows || self.good < less.good || self.total < less.total {
            return internal_err!("a window retracted events that it never held");
        }
        (self.rows, self.good, self.total) =
            (self.rows - less.rows, self.good - less.good, self.total - less.total);
        if self.rows == 0 {
            self.objective = None;
        }
        Ok(())
    }
}

/// The traffic of many groups.
#[derive(Debug)]
pub(crate) struct SloGroups {
    level: &'static ServiceLevel,
    literal: Option<f64>,
    /// Of functions that take one; it is an argument, too.
    period_ns: Option<i64>,
    groups: Vec<Traffic>,
}

impl SloGroups {
    pub(crate) fn new(level: &'static ServiceLevel, literal: Option<f64>, period_ns: Option<i64>) -> Self {
        Self { level, literal, period_ns, groups: Vec::new() }
    }

    fn result(&self, traffic: &Traffic) -> Option<f64> {
        if traffic.total == 0 {
            return None;
        }
        match self.level.measure {
            Measure::Events(measure) | Measure::Objective(measure) => Some(measure(traffic)),
            Measure::Period(measure) => measure(traffic, self.period_ns? as f64 / 1e9),
        }
    }

    /// What a call says, but for the period.
    fn before_period<'a>(&self, args: &'a [ArrayRef]) -> &'a [ArrayRef] {
        &args[..args.len() - usize::from(self.period_ns.is_some())]
    }

    /// The events of a batch of flags under a literal objective: the common case, in bulk.
    fn flags<'a>(&self, args: &'a [ArrayRef], filter: Option<&BooleanArray>) -> Option<Flags<'a>> {
        let good = args[0].as_boolean_opt()?;
        let objective = self.literal?;
        Some(Flags { good: good.values(), counted: conjunction([good.nulls()], filter), objective })
    }

    /// Calls `visit(row, traffic)` for every counted row.
    fn for_each(
        &self,
        args: &[ArrayRef],
        filter: Option<&BooleanArray>,
        mut visit: impl FnMut(usize, Traffic) -> Result<()>,
    ) -> Result<()> {
        let args = self.before_period(args);
        // with a literal objective planning has dropped the argument, except in windows
        let counts = args.len() == 3 || (args.len() == 2 && args[0].data_type() != &DataType::Boolean);
        let given = args.get(if counts { 2 } else { 1 });
        let objectives = match (self.literal, given) {
            (Some(_), _) | (None, None) => None,
            (None, Some(array)) => Some(array.as_primitive::<Float64Type>()),
        };
        let nulls = [
            args[0].nulls(),
            if counts { args[1].nulls() } else { None },
            objectives.and_then(|objectives| objectives.nulls()),
        ];
        let kept = conjunction(nulls, filter);
        for row in 0..args[0].len() {
            if kept.as_ref().is_some_and(|kept| !kept.value(row)) {
                continue;
            }
            let objective = match (self.literal, objectives) {
                (Some(objective), _) => objective,
                (None, Some(objectives)) => objective::check(objectives.value(row))?,
                (None, None) => return internal_err!("{} has no objective", self.level.name),
            };
            let (good, total) = if counts {
                let (good, total) =
                    (count_at(&args[0], row, "good_count")?, count_at(&args[1], row, "total_count")?);
                if good > total {
                    return exec_err!("good_count must not exceed total_count, got {good} of {total}");
                }
                (good, total)
            } else {
                (u64::from(args[0].as_boolean().value(row)), 1)
            };
            visit(row, Traffic { rows: 1, good, total, objective: Some(objective) })?;
        }
        Ok(())
    }

    fn for_each_state(
        &self,
        states: &[ArrayRef],
        mut visit: impl FnMut(usize, Traffic) -> Result<()>,
    ) -> Result<()> {
        let [rows, good, total] = [0, 1, 2].map(|column| states[column].as_primitive::<UInt64Type>());
        let objectives = states[3].as_primitive::<Float64Type>();
        for row in 0..rows.len() {
            let objective = objectives.is_valid(row).then(|| objectives.value(row));
            let traffic =
                Traffic { rows: rows.value(row), good: good.value(row), total: total.value(row), objective };
            visit(row, traffic)?;
        }
        Ok(())
    }
}

/// A batch of events, good or bad, all under one objective.
struct Flags<'a> {
    good: &'a BooleanBuffer,
    /// `None` when all rows count.
    counted: Option<BooleanBuffer>,
    objective: f64,
}

impl Flags<'_> {
    fn sum(&self) -> Traffic {
        let (good, total) = match &self.counted {
            None => (self.good.count_set_bits(), self.good.len()),
            Some(counted) => ((self.good & counted).count_set_bits(), counted.count_set_bits()),
        };
        let objective = (total > 0).then_some(self.objective);
        Traffic { rows: total as u64, good: good as u64, total: total as u64, objective }
    }

    fn add_to(&self, groups: &mut [Traffic], group_indices: &[usize]) {
        let mut add = |row: usize| {
            let group = &mut groups[group_indices[row]];
            group.rows += 1;
            group.good += u64::from(self.good.value(row));
            group.total += 1;
            group.objective = Some(self.objective);
        };
        match &self.counted {
            None => (0..self.good.len()).for_each(add),
            Some(counted) => for_each_selected(counted, &mut add),
        }
    }
}

impl GroupsAccumulator for SloGroups {
    fn update_batch(
        &mut self,
        args: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        if let Some(flags) = self.flags(args, filter) {
            self.groups.resize(total_num_groups, Traffic::default());
            flags.add_to(&mut self.groups, group_indices);
            return Ok(());
        }
        let mut groups = std::mem::take(&mut self.groups);
        groups.resize(total_num_groups, Traffic::default());
        let outcome = self.for_each(args, filter, |row, traffic| groups[group_indices[row]].add(&traffic));
        self.groups = groups;
        outcome
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        let mut groups = std::mem::take(&mut self.groups);
        groups.resize(total_num_groups, Traffic::default());
        let outcome = self.for_each_state(states, |row, traffic| groups[group_indices[row]].add(&traffic));
        self.groups = groups;
        outcome
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let emitted = emit_to.take_needed(&mut self.groups);
        Ok(Arc::new(Float64Array::from_iter(emitted.iter().map(|traffic| self.result(traffic)))))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(state_of(&emit_to.take_needed(&mut self.groups)))
    }

    fn convert_to_state(&self, args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut groups = vec![Traffic::default(); args[0].len()];
        self.for_each(args, filter, |row, traffic| groups[row].add(&traffic))?;
        Ok(state_of(&groups))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.groups.capacity() * size_of::<Traffic>()
    }
}

/// The traffic of one group.
#[derive(Debug)]
pub(crate) struct SloAccumulator {
    rules: SloGroups,
    traffic: Traffic,
}

impl SloAccumulator {
    pub(crate) fn new(rules: SloGroups) -> Self {
        Self { rules, traffic: Traffic::default() }
    }
}

impl Accumulator for SloAccumulator {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let Self { rules, traffic } = self;
        match rules.flags(args, None) {
            Some(flags) => traffic.add(&flags.sum()),
            None => rules.for_each(args, None, |_, more| traffic.add(&more)),
        }
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let Self { rules, traffic } = self;
        match rules.flags(args, None) {
            Some(flags) => traffic.retract(&flags.sum()),
            None => rules.for_each(args, None, |_, less| traffic.retract(&less)),
        }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        state_of(&[self.traffic]).iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Self { rules, traffic } = self;
        rules.for_each_state(states, |_, more| traffic.add(&more))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.rules.result(&self.traffic)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

fn state_of(groups: &[Traffic]) -> Vec<ArrayRef> {
    let integers = |field: fn(&Traffic) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(groups.iter().map(field)))
    };
    vec![
        integers(|traffic| traffic.rows),
        integers(|traffic| traffic.good),
        integers(|traffic| traffic.total),
        Arc::new(Float64Array::from_iter(groups.iter().map(|traffic| traffic.objective))),
    ]
}

/// A count of events: an integer, or a DOUBLE that is one.
fn count_at(array: &ArrayRef, row: usize, argument: &str) -> Result<u64> {
    if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
        let count = integers.value(row);
        return match u64::try_from(count) {
            Ok(count) => Ok(count),
            Err(_) => exec_err!("{argument} must not be negative, got {count}"),
        };
    }
    let count = array.as_primitive::<Float64Type>().value(row);
    if (0.0..=WHOLE_DOUBLE_MAX).contains(&count) && count.fract() == 0.0 {
        return Ok(count as u64);
    }
    exec_err!("{argument} must be a whole number of events from 0 to 2^53, got {count}")
}
