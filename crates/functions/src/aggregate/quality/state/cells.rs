//! A count for each pair of classes that occurs.
//!
//! Classes are numbered as they come, over all groups; results and means go by the order of the classes themselves, so the
//! numbers show nowhere. In a partial state a class is written out as text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, LargeListArray, LargeStringBuilder};
use arrow::buffer::{BooleanBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Int64Type, UInt64Type};
use datafusion::common::{Result, internal_err, resources_err};
use hashbrown::HashMap;

use super::scores::{integer_lists, integers_of};
use super::{Change, Members, Rows, Store, never_held};
use crate::aggregate::quality::confusion_matrix;
use crate::kernels::classification::{ClassCounts, Weighing, mean_over_classes};
use crate::kernels::collect::for_each_selected;

/// Most distinct classes in one aggregation.
const CLASSES_MAX: usize = 1_000_000;
/// Most pairs of classes that occur, over all groups.
const CELLS_MAX: usize = 20_000_000;

/// A class, in the order in which results list them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::aggregate::quality) enum Class {
    Boolean(bool),
    Integer(i128),
    Text(Box<str>),
}

/// How often a label and a prediction occur together.
pub(in crate::aggregate::quality) struct Pair<'a> {
    pub(in crate::aggregate::quality) label: &'a Class,
    pub(in crate::aggregate::quality) prediction: &'a Class,
    pub(in crate::aggregate::quality) count: u64,
}

/// What becomes of the counts.
#[derive(Debug, Clone, Copy)]
pub(in crate::aggregate::quality) enum CellsAnswer {
    Matrix,
    Mean(fn(&ClassCounts) -> Option<f64>, Weighing),
}

/// The counts of all groups.
#[derive(Debug)]
pub(in crate::aggregate::quality) struct Cells {
    kind: DataType,
    answer: CellsAnswer,
    groups: usize,
    classes: Classes,
    counts: HashMap<Cell, u64>,
}

/// Group, label, prediction.
type Cell = (u32, u32, u32);

/// The numbers of classes.
#[derive(Debug, Default)]
struct Classes {
    numbers: HashMap<Class, u32>,
    classes: Vec<Class>,
    text_bytes: usize,
}

impl Classes {
    fn add(&mut self, class: Class) -> Result<u32> {
        if self.classes.len() == CLASSES_MAX {
            return resources_err!("more than {CLASSES_MAX} distinct classes in one aggregation");
        }
        let number = self.classes.len() as u32;
        if let Class::Text(text) = &class {
            self.text_bytes += 2 * text.len();
        }
        self.classes.push(class.clone());
        self.numbers.insert(class, number);
        Ok(number)
    }

    fn of_class(&mut self, class: Class) -> Result<u32> {
        match self.numbers.get(&class) {
            Some(&number) => Ok(number),
            None => self.add(class),
        }
    }

    /// The numbers of a column's classes; 0 where a row does not count.
    fn of_column(&mut self, column: &ArrayRef, counted: &BooleanBuffer) -> Result<Vec<u32>> {
        match column.data_type() {
            DataType::Boolean => {
                let flags = column.as_boolean();
                self.of_rows(counted, |row| flags.value(row), |&flag| Class::Boolean(flag))
            }
            DataType::Int64 => {
                let integers = column.as_primitive::<Int64Type>().values();
                self.of_rows(counted, |row| integers[row], |&integer| Class::Integer(i128::from(integer)))
            }
            DataType::UInt64 => {
                let integers = column.as_primitive::<UInt64Type>().values();
                self.of_rows(counted, |row| integers[row], |&integer| Class::Integer(i128::from(integer)))
            }
            DataType::Utf8View => {
                let texts = column.as_string_view();
                self.of_rows(counted, |row| texts.value(row), |text| Class::Text((*text).into()))
            }
            other => internal_err!("classes are BOOLEAN, BIGINT or TEXT, got {other}"),
        }
    }

    /// A class is looked up once a batch, not once a row.
    fn of_rows<T: std::hash::Hash + Eq + Copy>(
        &mut self,
        counted: &BooleanBuffer,
        value: impl Fn(usize) -> T,
        class: impl Fn(&T) -> Class,
    ) -> Result<Vec<u32>> {
        let mut numbers = vec![0; counted.len()];
        let mut known: HashMap<T, u32> = HashMap::new();
        let mut outcome = Ok(());
        for_each_selected(counted, |row| {
            let value = value(row);
            numbers[row] = match known.get(&value) {
                Some(&number) => number,
                None => match self.of_class(class(&value)) {
                    Ok(number) => {
                        known.insert(value, number);
                        number
                    }
                    Err(error) => {
                        outcome = Err(error);
                        0
                    }
                },
            };
        });
        outcome.map(|()| numbers)
    }
}

impl Cells {
    pub(in crate::aggregate::quality) fn new(kind: DataType, answer: CellsAnswer) -> Self {
        Self { kind, answer, groups: 0, classes: Classes::default(), counts: HashMap::new() }
    }

    fn add(&mut self, cell: Cell, amount: u64) -> Result<()> {
        if let Some(count) = self.counts.get_mut(&cell) {
            *count += amount;
            return Ok(());
        }
        if self.counts.len() == CELLS_MAX {
            return resources_err!(
                "more than {CELLS_MAX} pairs of label and prediction in one aggregation: compare coarser classes"
            );
        }
        self.counts.insert(cell, amount);
        Ok(())
    }

    fn remove(&mut self, cell: Cell) -> Result<()> {
        match self.counts.get_mut(&cell) {
            None => never_held(),
            Some(1) => {
                self.counts.remove(&cell);
                Ok(())
            }
            Some(count) => {
                *count -= 1;
                Ok(())
            }
        }
    }

    /// The cells by group, label and prediction, each group in a slice of its own.
    fn by_group<T>(&self, visit: impl Fn(&[(Cell, u64)]) -> T) -> Vec<T> {
        let classes = &self.classes.classes;
        let mut by_class: Vec<u32> = (0..classes.len() as u32).collect();
        by_class.sort_unstable_by_key(|&number| &classes[number as usize]);
        let mut ranks = vec![0u32; classes.len()];
        for (rank, &number) in by_class.iter().enumerate() {
            ranks[number as usize] = rank as u32;
        }
        let mut cells: Vec<(Cell, u64)> = self.counts.iter().map(|(&cell, &count)| (cell, count)).collect();
        cells.sort_unstable_by_key(|((group, label, prediction), _)| {
            (*group, ranks[*label as usize], ranks[*prediction as usize])
        });
        let mut rest = cells.as_slice();
        (0..self.groups)
            .map(|group| {
                let (own, later) =
                    rest.split_at(rest.partition_point(|((owner, ..), _)| *owner as usize <= group));
                rest = later;
                visit(own)
            })
            .collect()
    }

    fn pair(&self, &((_, label, prediction), count): &(Cell, u64)) -> Pair<'_> {
        let class = |number: u32| &self.classes.classes[number as usize];
        Pair { label: class(label), prediction: class(prediction), count }
    }

    /// The counts of each class of a group, in the order of classes.
    fn class_counts(&self, cells: &[(Cell, u64)]) -> impl Iterator<Item = ClassCounts> {
        let mut counts: std::collections::BTreeMap<&Class, ClassCounts> = Default::default();
        for pair in cells.iter().map(|cell| self.pair(cell)) {
            let label = counts.entry(pair.label).or_default();
            label.actual += pair.count;
            if pair.label == pair.prediction {
                label.both += pair.count;
            }
            counts.entry(pair.prediction).or_default().predicted += pair.count;
        }
        counts.into_values()
    }

    /// A class from a partial state.
    fn parse(&self, text: &str) -> Result<Class> {
        let class = match self.kind {
            DataType::Boolean => text.parse().ok().map(Class::Boolean),
            DataType::Utf8View => Some(Class::Text(text.into())),
            _ => text.parse().ok().map(Class::Integer),
        };
        match class {
            Some(class) => Ok(class),
            None => internal_err!("a partial state holds '{text}' as a class of {}", self.kind),
        }
    }
}

impl Store for Cells {
    fn fresh(&self) -> Self {
        Self::new(self.kind.clone(), self.answer)
    }

    fn resize(&mut self, groups: usize) {
        self.groups = groups;
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let labels = self.classes.of_column(&rows.args[0], &rows.counted)?;
        let predictions = self.classes.of_column(&rows.args[1], &rows.counted)?;
        let mut outcome = Ok(());
        for_each_selected(&rows.counted, |row| {
            let cell = (rows.members.group(row) as u32, labels[row], predictions[row]);
            let changed = match rows.change {
                Change::Add => self.add(cell, 1),
                Change::Remove => self.remove(cell),
            };
            if let Err(error) = changed {
                outcome = Err(error);
            }
        });
        outcome
    }

    fn merge(&mut self, states: &[ArrayRef], members: Members<'_>) -> Result<()> {
        for row in 0..states[0].len() {
            let [labels, predictions] = [0, 1].map(|column| states[column].as_list::<i64>().value(row));
            let [labels, predictions] = [labels.as_string::<i64>(), predictions.as_string::<i64>()];
            let group = members.group(row) as u32;
            for (index, &count) in integers_of(&states[2], row).iter().enumerate() {
                let label = self.parse(labels.value(index))?;
                let prediction = self.parse(predictions.value(index))?;
                let cell = (group, self.classes.of_class(label)?, self.classes.of_class(prediction)?);
                self.add(cell, count)?;
            }
        }
        Ok(())
    }

    fn take_first(&mut self, groups: usize) -> Self {
        let first = groups as u32;
        let mut taken = self.fresh();
        taken.groups = groups;
        taken.counts = self.counts.extract_if(|cell, _| cell.0 < first).collect();
        self.groups -= groups;
        // the classes that are left get new numbers, so that gone ones cost nothing
        let old = std::mem::take(&mut self.classes);
        let later = std::mem::take(&mut self.counts);
        for ((group, label, prediction), count) in later {
            let [label, prediction] = [label, prediction].map(|number| {
                let class = old.classes[number as usize].clone();
                self.classes.of_class(class).expect("there were no fewer classes before")
            });
            self.counts.insert((group - first, label, prediction), count);
        }
        taken.classes = old;
        taken
    }

    fn evaluate(&mut self) -> Result<ArrayRef> {
        match self.answer {
            CellsAnswer::Matrix => {
                let groups = self.by_group(|cells| cells.iter().map(|cell| self.pair(cell)).collect());
                confusion_matrix::lists(groups, &self.kind)
            }
            CellsAnswer::Mean(measure, weighing) => {
                let means =
                    self.by_group(|cells| mean_over_classes(self.class_counts(cells), measure, weighing));
                Ok(Arc::new(Float64Array::from(means)))
            }
        }
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (mut labels, mut predictions) = (LargeStringBuilder::new(), LargeStringBuilder::new());
        let (mut counts, mut ends) = (Vec::new(), vec![0]);
        for group in self.by_group(<[_]>::to_vec) {
            for cell in &group {
                let pair = self.pair(cell);
                labels.append_value(pair.label.to_string());
                predictions.append_value(pair.prediction.to_string());
                counts.push(pair.count);
            }
            ends.push(counts.len() as i64);
        }
        let texts = |mut texts: LargeStringBuilder| -> ArrayRef {
            let field = Arc::new(Field::new_list_field(DataType::LargeUtf8, true));
            let offsets = OffsetBuffer::new(ScalarBuffer::from(ends.clone()));
            Arc::new(LargeListArray::new(field, offsets, Arc::new(texts.finish()), None))
        };
        Ok(vec![texts(labels), texts(predictions), integer_lists(counts, ends.clone())])
    }

    fn heap_bytes(&self) -> usize {
        self.classes.text_bytes
            + self.classes.classes.capacity() * size_of::<Class>()
            + self.classes.numbers.allocation_size()
            + self.counts.allocation_size()
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean(flag) => write!(f, "{flag}"),
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}
