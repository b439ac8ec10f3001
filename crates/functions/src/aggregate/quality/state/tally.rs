//! A fixed number of integers a group: counts, and sums in fixed point.
//!
//! The state does not grow with rows. It travels as 64-bit halves, lower half first.

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::cmp;
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, exec_err};
use std::sync::Arc;

use super::{Change, Members, Rows, Store, never_held};
use crate::aggregate::quality::positive::Positive;
use crate::aggregate::quality::{BinsAnswer, calibration};
use crate::kernels::calibration::{expected_error, uniform_bin, uniform_bins};
use crate::kernels::classification::ClassCounts;
use crate::kernels::collect::for_each_selected;
use crate::kernels::fixed;

/// What a row adds to the cells of its group.
#[derive(Debug, Clone)]
pub(in crate::aggregate::quality) enum Rule {
    /// Cells of a class to which every row is predicted: truly or falsely.
    Agreement,
    /// Cells: true positives, false positives, false negatives, true negatives.
    OneClass(Positive),
    /// Cells: rows, sum of terms.
    Mean { name: &'static str, positive: Positive, term: fn(bool, f64) -> f64 },
    /// Cells of each bin: rows, positive rows, sum of probabilities.
    Bins { name: &'static str, positive: Positive, bins: usize },
}

/// What becomes of the cells.
#[derive(Debug, Clone, Copy)]
pub(in crate::aggregate::quality) enum TallyAnswer {
    OneClass(fn(&ClassCounts) -> Option<f64>),
    Mean,
    Bins(BinsAnswer),
}

const CLASS_CELLS: usize = 4;
const MEAN_CELLS: usize = 2;
const BIN_CELLS: usize = 3;

/// The cells of all groups.
#[derive(Debug)]
pub(in crate::aggregate::quality) struct Tally {
    rule: Rule,
    answer: TallyAnswer,
    width: usize,
    cells: Vec<u128>,
}

impl Tally {
    pub(in crate::aggregate::quality) fn new(rule: Rule, answer: TallyAnswer) -> Self {
        let width = match &rule {
            Rule::Agreement | Rule::OneClass(_) => CLASS_CELLS,
            Rule::Mean { .. } => MEAN_CELLS,
            Rule::Bins { bins, .. } => bins * BIN_CELLS,
        };
        Self { rule, answer, width, cells: Vec::new() }
    }
}

impl Store for Tally {
    fn fresh(&self) -> Self {
        Self::new(self.rule.clone(), self.answer)
    }

    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups * self.width, 0);
    }

    fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        let Self { rule, width, cells, .. } = self;
        match rows.change {
            Change::Add => rule.for_each(rows, *width, |cell, amount| {
                cells[cell] += amount;
            }),
            Change::Remove => {
                let mut held = true;
                rule.for_each(rows, *width, |cell, amount| match cells[cell].checked_sub(amount) {
                    Some(left) => cells[cell] = left,
                    None => held = false,
                })?;
                if held { Ok(()) } else { never_held() }
            }
        }
    }

    fn merge(&mut self, states: &[ArrayRef], members: Members<'_>) -> Result<()> {
        for row in 0..states[0].len() {
            let halves = super::scores::integers_of(&states[0], row);
            let first = members.group(row) * self.width;
            let cells = &mut self.cells[first..first + self.width];
            for (cell, halves) in cells.iter_mut().zip(halves.chunks_exact(2)) {
                *cell += u128::from(halves[0]) | u128::from(halves[1]) << u64::BITS;
            }
        }
        Ok(())
    }

    fn take_first(&mut self, groups: usize) -> Self {
        let later = self.cells.split_off(groups * self.width);
        let mut taken = self.fresh();
        taken.cells = std::mem::replace(&mut self.cells, later);
        taken
    }

    fn evaluate(&mut self) -> Result<ArrayRef> {
        let groups = self.cells.chunks_exact(self.width);
        Ok(match self.answer {
            TallyAnswer::OneClass(measure) => {
                Arc::new(Float64Array::from_iter(groups.map(|cells| measure(&class_counts(cells)))))
            }
            TallyAnswer::Mean => Arc::new(Float64Array::from_iter(
                groups.map(|cells| (cells[0] > 0).then(|| fixed::mean(cells[1], cells[0] as u64))),
            )),
            TallyAnswer::Bins(answer) => {
                let bins = groups.map(|cells| {
                    let tallies = cells.chunks_exact(BIN_CELLS);
                    uniform_bins(tallies.map(|bin| (bin[0] as u64, bin[1] as u64, bin[2])))
                });
                match answer {
                    BinsAnswer::ExpectedError => {
                        Arc::new(Float64Array::from_iter(bins.map(|bins| expected_error(&bins))))
                    }
                    BinsAnswer::List => calibration::lists(bins)?,
                }
            }
        })
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let halves = self.cells.iter().flat_map(|&cell| [cell as u64, (cell >> u64::BITS) as u64]).collect();
        let groups = self.cells.len() / self.width;
        let offsets = (0..=groups).map(|group| (group * self.width * 2) as i64).collect();
        Ok(vec![super::scores::integer_lists(halves, offsets)])
    }

    fn heap_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<u128>()
    }
}

/// True positives, false positives, false negatives, true negatives as the counts of the class.
fn class_counts(cells: &[u128]) -> ClassCounts {
    let [tp, fp, fn_, _] = [0, 1, 2, 3].map(|index| cells[index] as u64);
    ClassCounts { both: tp, predicted: tp + fp, actual: tp + fn_ }
}

impl Rule {
    /// Calls `add(cell, amount)` for what each counted row adds; cells are numbered over all groups.
    fn for_each(&self, rows: &Rows<'_>, width: usize, mut add: impl FnMut(usize, u128)) -> Result<()> {
        match self {
            Self::Agreement => {
                let agree = cmp::eq(&rows.args[0], &rows.args[1])?;
                count(rows, agree.values(), &BooleanBuffer::new_set(agree.len()), width, add);
                Ok(())
            }
            Self::OneClass(positive) => {
                let label = positive.rows(&rows.args[0], &rows.counted)?;
                let prediction = positive.rows(&rows.args[1], &rows.counted)?;
                count(rows, &label, &prediction, width, add);
                Ok(())
            }
            Self::Mean { name, positive, term } => {
                for_each_probability(name, positive, rows, |row, label, p| {
                    let first = rows.members.group(row) * width;
                    add(first, 1);
                    add(first + 1, fixed::of(term(label, p)));
                })
            }
            Self::Bins { name, positive, bins } => {
                for_each_probability(name, positive, rows, |row, label, p| {
                    let first = rows.members.group(row) * width + uniform_bin(p, *bins) * BIN_CELLS;
                    add(first, 1);
                    add(first + 1, u128::from(label));
                    add(first + 2, fixed::of(p));
                })
            }
        }
    }
}

/// Counts rows by label and prediction, each as a bitmap; without groups 64 rows at a time.
fn count(
    rows: &Rows<'_>,
    label: &BooleanBuffer,
    prediction: &BooleanBuffer,
    width: usize,
    mut add: impl FnMut(usize, u128),
) {
    match rows.members {
        Members::One => {
            let label = label & &rows.counted;
            let prediction = prediction & &rows.counted;
            let [all, actual, predicted, both] =
                [&rows.counted, &label, &prediction, &(&label & &prediction)]
                    .map(|bits| bits.count_set_bits() as u128);
            for (cell, amount) in [both, predicted - both, actual - both, all + both - actual - predicted]
                .into_iter()
                .enumerate()
            {
                add(cell, amount);
            }
        }
        Members::Of(groups) => for_each_selected(&rows.counted, |row| {
            let cell = usize::from(!label.value(row)) + 2 * usize::from(!prediction.value(row));
            add(groups[row] * width + cell, 1);
        }),
    }
}

/// Calls `visit(row, label, p)` for every counted row with a finite probability.
pub(super) fn for_each_probability(
    name: &str,
    positive: &Positive,
    rows: &Rows<'_>,
    mut visit: impl FnMut(usize, bool, f64),
) -> Result<()> {
    let labels = positive.rows(&rows.args[0], &rows.counted)?;
    let probabilities = rows.args[1].as_primitive::<Float64Type>().values();
    let mut wrong = None;
    for_each_selected(&rows.counted, |row| {
        let p = probabilities[row];
        if (0.0..=1.0).contains(&p) {
            visit(row, labels.value(row), p);
        } else if p.is_finite() {
            wrong = Some(p);
        }
    });
    match wrong {
        None => Ok(()),
        Some(p) => exec_err!("{name}: p must lie in [0, 1], got {p}"),
    }
}
