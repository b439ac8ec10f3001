//! The rows of many groups, 16 bytes each, and their partial states.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, internal_err};

use super::ids::Ids;
use crate::aggregate::comparison::kept::lists::{integer_lists, integers_of};
use crate::aggregate::comparison::rows::{Sides, conjunction};
use crate::aggregate::comparison::value::ValueKind;
use crate::kernels::collect::for_each_selected;
use crate::kernels::keys::key_of;

/// The bit of a row that is set on the current side.
const CURRENT: u32 = 1 << 31;

/// As what the arguments are read.
#[derive(Debug, Clone)]
pub(super) struct Kinds {
    pub(super) value: ValueKind,
    /// The type of the ids in a partial state.
    pub(super) cluster: DataType,
}

/// A row with a value and a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    /// The number of its cluster, and the bit of its side.
    member: u32,
    group: u32,
    /// The key of a number; 0 and 1 for false and true; the number of a text.
    pub(super) value: u64,
}

/// Rows of one side that were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// NULL, NaN and infinite values.
    pub(super) excluded: u64,
    /// Rows without a cluster.
    pub(super) unclustered: u64,
}

/// What is kept of many groups.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) kinds: Kinds,
    pub(super) clusters: Ids,
    pub(super) texts: Ids,
    rows: Vec<Row>,
    /// No entry behind the last group that left anything out.
    left: Vec<[Left; 2]>,
    pub(super) groups: usize,
    /// The clusters of a batch.
    members: Vec<u32>,
}

impl Kinds {
    /// The columns of a partial state: names and types of the items of their lists.
    pub(super) fn state(&self) -> [(&'static str, DataType); 5] {
        [
            ("clusters", self.cluster.clone()),
            ("texts", DataType::LargeUtf8),
            ("members", DataType::UInt64),
            ("values", DataType::UInt64),
            ("left", DataType::UInt64),
        ]
    }
}

impl Row {
    pub(super) fn side(self) -> usize {
        usize::from(self.member & CURRENT != 0)
    }

    pub(super) fn group(self) -> usize {
        self.group as usize
    }

    pub(super) fn cluster(self) -> u32 {
        self.member & !CURRENT
    }
}

impl Rows {
    pub(super) fn new(kinds: Kinds) -> Self {
        let (clusters, texts) = (Ids::new(&kinds.cluster), Ids::new(&DataType::LargeUtf8));
        Self { kinds, clusters, texts, rows: vec![], left: vec![], groups: 0, members: vec![] }
    }

    pub(super) fn fresh(&self) -> Self {
        Self::new(self.kinds.clone())
    }

    /// The rows, in the order of arrival.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What a group left out.
    pub(super) fn left_of(&self, group: usize) -> [Left; 2] {
        self.left.get(group).copied().unwrap_or_default()
    }

    fn left_mut(&mut self, group: usize) -> &mut [Left; 2] {
        if group >= self.left.len() {
            self.left.resize(group + 1, Default::default());
        }
        &mut self.left[group]
    }

    /// Takes rows of `(value, is_current, cluster)` in.
    pub(super) fn add(
        &mut self,
        args: &[ArrayRef],
        filter: Option<&BooleanArray>,
        group_of: impl Fn(usize) -> usize,
    ) -> Result<()> {
        let nulls = args[2].logical_nulls().filter(|nulls| nulls.null_count() > 0);
        if let Some(nulls) = &nulls {
            let all = conjunction([], filter).unwrap_or_else(|| BooleanBuffer::new_set(args[0].len()));
            let without = BooleanArray::new(&all & &!nulls.inner(), None);
            let sides = Sides::new(args, Some(&without))?;
            for side in 0..2 {
                for rows in [Some(&sides.values[side]), sides.nulls.as_ref().map(|nulls| &nulls[side])] {
                    rows.into_iter().for_each(|rows| {
                        for_each_selected(rows, |row| self.left_mut(group_of(row))[side].unclustered += 1);
                    });
                }
            }
        }
        let known = conjunction([nulls.as_ref()], filter).map(|known| BooleanArray::new(known, None));
        let sides = Sides::new(args, known.as_ref())?;
        for (side, nulls) in sides.nulls.iter().flatten().enumerate() {
            for_each_selected(nulls, |row| self.left_mut(group_of(row))[side].excluded += 1);
        }
        for (side, selected) in sides.values.iter().enumerate() {
            self.add_side(args, side, selected, &group_of)?;
        }
        Ok(())
    }

    fn add_side(
        &mut self,
        args: &[ArrayRef],
        side: usize,
        selected: &BooleanBuffer,
        group_of: impl Fn(usize) -> usize,
    ) -> Result<()> {
        let bit = if side == 1 { CURRENT } else { 0 };
        let mut members = std::mem::take(&mut self.members);
        members.resize(args[0].len(), 0);
        self.clusters.for_each(&args[2], selected, |row, number| members[row] = number | bit)?;
        let row_of = |row: usize, value| Row { member: members[row], group: group_of(row) as u32, value };
        match self.kinds.value {
            ValueKind::Text => {
                let rows = &mut self.rows;
                self.texts.for_each(&args[0], selected, |row, text| rows.push(row_of(row, text.into())))?;
            }
            ValueKind::Flag => {
                let flags = args[0].as_boolean().values();
                for_each_selected(selected, |row| self.rows.push(row_of(row, flags.value(row).into())));
            }
            ValueKind::Number => {
                let numbers = cast(&args[0], &DataType::Float64)?;
                let numbers = numbers.as_primitive::<Float64Type>().values();
                for_each_selected(selected, |row| {
                    if numbers[row].is_finite() {
                        self.rows.push(row_of(row, key_of(numbers[row])));
                    } else {
                        self.left_mut(group_of(row))[side].excluded += 1;
                    }
                });
            }
            ValueKind::Anything | ValueKind::Distribution | ValueKind::Categories => {
                return internal_err!("values of this type are not compared");
            }
        }
        self.members = members;
        Ok(())
    }

    /// Takes rows out again that came in before; all are of group 0.
    pub(super) fn remove(&mut self, args: &[ArrayRef]) -> Result<()> {
        let kept = std::mem::take(&mut self.rows);
        let left = std::mem::take(&mut self.left);
        self.add(args, None, |_| 0)?;
        let mut gone = std::mem::replace(&mut self.rows, kept);
        let less = std::mem::replace(&mut self.left, left);
        gone.sort_unstable();
        let mut waiting: Vec<(Row, usize)> =
            gone.chunk_by(|a, b| a == b).map(|rows| (rows[0], rows.len())).collect();
        let before = self.rows.len();
        self.rows.retain(|row| match waiting.binary_search_by_key(row, |(row, _)| *row) {
            Ok(at) if waiting[at].1 > 0 => {
                waiting[at].1 -= 1;
                false
            }
            _ => true,
        });
        let mut valid = before - self.rows.len() == gone.len();
        for (side, less) in less.first().copied().unwrap_or_default().into_iter().enumerate() {
            let left = &mut self.left_mut(0)[side];
            let rest =
                left.excluded.checked_sub(less.excluded).zip(left.unclustered.checked_sub(less.unclustered));
            match rest {
                Some((excluded, unclustered)) => *left = Left { excluded, unclustered },
                None => valid = false,
            }
        }
        if valid { Ok(()) } else { internal_err!("a window retracted values that it never held") }
    }

    /// Takes the first groups out, their rows in order of the groups; the groups behind move down.
    pub(super) fn leave(&mut self, groups: usize) -> (Vec<Row>, Vec<[Left; 2]>) {
        let first = groups as u32;
        let rows = std::mem::take(&mut self.rows);
        let (mut leaving, mut later): (Vec<Row>, Vec<Row>) = match groups == self.groups {
            true => (rows, Vec::new()),
            false => rows.into_iter().partition(|row| row.group < first),
        };
        leaving.sort_unstable_by_key(|row| row.group);
        later.iter_mut().for_each(|row| row.group -= first);
        self.rows = later;
        let mut left: Vec<_> = self.left.drain(..groups.min(self.left.len())).collect();
        left.resize(groups, Default::default());
        self.groups -= groups;
        (leaving, left)
    }

    /// The partial states of groups that left.
    pub(super) fn states(&self, leaving: &[Row], left: &[[Left; 2]]) -> Vec<ArrayRef> {
        let is_text = self.kinds.value == ValueKind::Text;
        let (mut clusters, mut texts) = (Dictionary::default(), Dictionary::default());
        let (mut members, mut values, mut ends) = (vec![], vec![], vec![0]);
        let (mut counts, mut count_ends) = (vec![], vec![0]);
        let mut rest = leaving;
        for (group, left) in left.iter().enumerate() {
            let (own, behind) = rest.split_at(rest.partition_point(|row| row.group() <= group));
            rest = behind;
            clusters.start(own.iter().map(|row| row.cluster()));
            texts.start(own.iter().filter(|_| is_text).map(|row| row.value as u32));
            for row in own {
                members.push((clusters.local(row.cluster()) as u64) << 1 | row.side() as u64);
                values.push(if is_text { texts.local(row.value as u32) as u64 } else { row.value });
            }
            ends.push(members.len() as i64);
            if *left != [Left::default(); 2] {
                counts.extend(left.iter().flat_map(|left| [left.excluded, left.unclustered]));
            }
            count_ends.push(counts.len() as i64);
        }
        vec![
            self.clusters.state(&clusters.numbers, clusters.ends),
            self.texts.state(&texts.numbers, texts.ends),
            Arc::new(integer_lists(members, ends.clone())),
            Arc::new(integer_lists(values, ends)),
            Arc::new(integer_lists(counts, count_ends)),
        ]
    }

    /// Takes partial states in, one row each.
    pub(super) fn merge(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let (mut clusters, mut texts) = (vec![], vec![]);
        for at in 0..states[0].len() {
            let group = group_of(at);
            clusters.clear();
            self.clusters.read_state(&states[0], at, &mut clusters)?;
            texts.clear();
            self.texts.read_state(&states[1], at, &mut texts)?;
            let (members, values) = (integers_of(&states[2], at), integers_of(&states[3], at));
            for (&member, &value) in members.iter().zip(values.iter()) {
                let bit = if member & 1 == 1 { CURRENT } else { 0 };
                let member = clusters[(member >> 1) as usize] | bit;
                let value = if texts.is_empty() { value } else { texts[value as usize].into() };
                self.rows.push(Row { member, group: group as u32, value });
            }
            if let [a, b, c, d] = *integers_of(&states[4], at) {
                for (left, (excluded, unclustered)) in self.left_mut(group).iter_mut().zip([(a, b), (c, d)]) {
                    left.excluded += excluded;
                    left.unclustered += unclustered;
                }
            }
        }
        Ok(())
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>()
            + self.left.capacity() * size_of::<[Left; 2]>()
            + self.members.capacity() * size_of::<u32>()
            + self.clusters.heap_bytes()
            + self.texts.heap_bytes()
    }
}

/// The ids of groups, one after another: within a group each once, by rising number.
#[derive(Debug)]
struct Dictionary {
    numbers: Vec<u32>,
    ends: Vec<i64>,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self { numbers: vec![], ends: vec![0] }
    }
}

impl Dictionary {
    /// Goes on to the next group.
    fn start(&mut self, numbers: impl Iterator<Item = u32>) {
        let start = self.numbers.len();
        self.numbers.extend(numbers);
        self.numbers[start..].sort_unstable();
        let mut kept = start;
        for at in start..self.numbers.len() {
            if at == start || self.numbers[at] != self.numbers[kept - 1] {
                self.numbers[kept] = self.numbers[at];
                kept += 1;
            }
        }
        self.numbers.truncate(kept);
        self.ends.push(kept as i64);
    }

    /// Where an id of the group stands among them.
    fn local(&self, number: u32) -> usize {
        let start = self.ends[self.ends.len() - 2] as usize;
        self.numbers[start..].partition_point(|&other| other < number)
    }
}
