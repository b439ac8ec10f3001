//! What was attempted, what was promised, and what must therefore be seen.

use std::collections::{BTreeMap, BTreeSet};

use driftline_storage::{BatchId, Durability};

use super::{
    DAY_NS,
    rows::{Row, Seen, TABLES},
};

/// The worst that rows survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Survives {
    /// Nobody said that the rows are there.
    Nothing,
    /// They are there while their process lives.
    Life,
    /// The process may be killed.
    Kill,
    /// The power may go.
    PowerCut,
}

/// Whether a row is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    /// A deletion is under way, or failed in a way that only the next process learns of.
    Perhaps(usize),
    Gone,
    /// The next process did not find it: whatever was attempted, it came to nothing.
    Never,
}

/// A row, and what is known of it.
#[derive(Debug, Clone, Copy)]
struct Known {
    row: Row,
    unit: usize,
    survives: Survives,
    fate: Fate,
}

/// Rows that one call writes: all of them come, or none.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) rows: Vec<Row>,
    pub(super) durability: Durability,
    /// What it is called, so that it can be sent again.
    pub(super) name: Option<BatchId>,
    is_acknowledged: bool,
}

/// A deletion of some rows.
#[derive(Debug, Clone, Default)]
struct Attempt {
    rows: BTreeSet<i64>,
    /// Its caller was told that no row is deleted.
    has_failed: bool,
}

/// Everything that was asked for, as the callers saw it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    rows: BTreeMap<i64, Known>,
    units: Vec<Unit>,
    deletions: Vec<Attempt>,
    /// Days before this one may have left the first table.
    retired_before_ns: i64,
    next: i64,
}

/// What a snapshot of one moment may show.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    must: BTreeSet<i64>,
    may: BTreeSet<i64>,
    /// Rows of which all are there, or none: they come together or go together.
    together: Vec<(String, Vec<i64>)>,
}

impl Ledger {
    /// Takes note of rows that are about to be written.
    pub(super) fn attempt(&mut self, rows: Vec<Row>, durability: Durability, named: bool) -> usize {
        let unit = self.units.len();
        for row in &rows {
            let known = Known { row: *row, unit, survives: Survives::Nothing, fate: Fate::Stays };
            self.rows.insert(row.number, known);
        }
        let name = named.then(|| BatchId((unit as u128 + 1).to_le_bytes()));
        self.units.push(Unit { rows, durability, name, is_acknowledged: false });
        unit
    }

    /// Takes note that rows come to nothing: they are those of a writer that is none any more.
    pub(super) fn never(&mut self, unit: usize) {
        for row in &self.units[unit].rows {
            self.rows.get_mut(&row.number).unwrap().fate = Fate::Never;
        }
        self.units[unit].name = None;
    }

    /// The number of a new row.
    pub(super) fn next_row(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    pub(super) fn row(&self, number: i64) -> Option<Row> {
        self.rows.get(&number).map(|known| known.row)
    }

    /// Takes note that rows were acknowledged. Returns those that can never be seen any more although this promises it.
    pub(super) fn acknowledge(&mut self, unit: usize, survives: Survives) -> Vec<i64> {
        self.units[unit].is_acknowledged = true;
        let retired = self.retired_before_ns;
        let mut broken = Vec::new();
        for row in &self.units[unit].rows {
            let known = self.rows.get_mut(&row.number).unwrap();
            known.survives = known.survives.max(survives);
            if survives == Survives::PowerCut && known.fate == Fate::Never && !is_retired(&known.row, retired)
            {
                broken.push(row.number);
            }
        }
        broken
    }

    /// The rows whose callers have been told that they are there: what a flush that begins now makes durable.
    pub(super) fn acknowledged(&self, table: Option<usize>) -> Vec<i64> {
        let is_in = |known: &&Known| {
            let is_known = known.survives > Survives::Nothing && known.fate != Fate::Never;
            is_known && table.is_none_or(|table| table == known.row.table)
        };
        self.rows.values().filter(is_in).map(|known| known.row.number).collect()
    }

    /// Takes note that rows are durable. Returns those that the next writer has not found.
    pub(super) fn durable(&mut self, rows: &[i64]) -> Vec<i64> {
        let retired = self.retired_before_ns;
        let mut broken = Vec::new();
        for number in rows {
            let known = self.rows.get_mut(number).unwrap();
            known.survives = Survives::PowerCut;
            if known.fate == Fate::Never && !is_retired(&known.row, retired) {
                broken.push(*number);
            }
        }
        broken
    }

    /// Takes note of rows that are about to be deleted.
    pub(super) fn delete(&mut self, rows: BTreeSet<i64>) -> usize {
        let deletion = self.deletions.len();
        for number in &rows {
            let known = self.rows.get_mut(number).unwrap();
            // one before may have failed so that nobody knows
            if known.fate == Fate::Stays {
                known.fate = Fate::Perhaps(deletion);
            }
        }
        self.deletions.push(Attempt { rows, has_failed: false });
        deletion
    }

    /// Takes note that a deletion was acknowledged. Returns rows that the next writer has seen alive.
    pub(super) fn deleted(&mut self, deletion: usize) -> Vec<i64> {
        let mut alive = Vec::new();
        for number in &self.deletions[deletion].rows {
            let known = self.rows.get_mut(number).unwrap();
            match known.fate {
                Fate::Stays => alive.push(*number),
                Fate::Never => {}
                Fate::Perhaps(_) | Fate::Gone => known.fate = Fate::Gone,
            }
        }
        alive
    }

    /// Takes note that a deletion failed, or was given up: while its process lives, no row is deleted.
    pub(super) fn not_deleted(&mut self, deletion: usize, is_certain: bool) {
        self.deletions[deletion].has_failed = true;
        if is_certain {
            for number in &self.deletions[deletion].rows {
                let known = self.rows.get_mut(number).unwrap();
                if known.fate == Fate::Perhaps(deletion) {
                    known.fate = Fate::Stays;
                }
            }
        }
    }

    /// Takes note that days before a time may leave the first table from now on.
    pub(super) fn retire(&mut self, before_ns: i64) {
        self.retired_before_ns = self.retired_before_ns.max(before_ns);
    }

    /// Units whose callers do not know what became of them, and which can be sent again.
    pub(super) fn unknown(&self) -> Vec<usize> {
        let is_unknown =
            |unit: &usize| self.units[*unit].name.is_some() && !self.units[*unit].is_acknowledged;
        (0..self.units.len()).filter(is_unknown).collect()
    }

    pub(super) fn unit(&self, unit: usize) -> &Unit {
        &self.units[unit]
    }

    /// Lets a unit be tried again: what became of its rows is open again.
    pub(super) fn attempt_again(&mut self, unit: usize) {
        for row in &self.units[unit].rows {
            let known = self.rows.get_mut(&row.number).unwrap();
            if known.fate == Fate::Never {
                known.fate = Fate::Stays;
            }
        }
    }

    /// What may be seen after the worst that has happened; `Life` is a process that lives on.
    pub(super) fn bounds(&self, after: Survives) -> Bounds {
        let lives = after == Survives::Life;
        let mut bounds = Bounds { must: BTreeSet::new(), may: BTreeSet::new(), together: Vec::new() };
        let mut groups: BTreeMap<(&str, usize, usize), Vec<i64>> = BTreeMap::new();
        for known in self.rows.values().filter(|known| !matches!(known.fate, Fate::Gone | Fate::Never)) {
            let number = known.row.number;
            bounds.may.insert(number);
            if is_retired(&known.row, self.retired_before_ns) {
                continue;
            }
            let is_promised = known.survives >= after;
            match known.fate {
                Fate::Perhaps(deletion) if !(lives && self.deletions[deletion].has_failed) => {
                    if is_promised {
                        groups.entry(("deletion", deletion, 0)).or_default().push(number);
                    }
                }
                _ if is_promised => drop(bounds.must.insert(number)),
                _ => {
                    let unit = &self.units[known.unit];
                    // rows in memory alone are flushed table by table
                    let table = if unit.durability == Durability::Memory { known.row.table } else { 0 };
                    groups.entry(("unit", known.unit, table)).or_default().push(number);
                }
            }
        }
        let named = groups.into_iter().map(|((kind, index, _), rows)| (format!("{kind} {index}"), rows));
        bounds.together = named.collect();
        bounds
    }

    /// Learns from what the next process sees: what is there is durable, and what is not never was.
    pub(super) fn settle(&mut self, seen: &Seen) {
        for known in self.rows.values_mut() {
            if seen[known.row.table].contains(&known.row.number) {
                known.survives = Survives::PowerCut;
                known.fate = Fate::Stays;
            } else if known.fate != Fate::Gone {
                known.fate = Fate::Never;
            }
        }
    }

    /// Learns from what a living process sees: acknowledged rows that are not there have left with their day.
    pub(super) fn settle_retired(&mut self, seen: &Seen) {
        for known in self.rows.values_mut() {
            let is_seen = seen[known.row.table].contains(&known.row.number);
            if known.survives > Survives::Nothing && !is_seen {
                known.fate = Fate::Gone;
            }
        }
    }
}

impl Bounds {
    /// What may be seen by one who looked at some time between the two.
    pub(super) fn until(self, end: &Self) -> Self {
        Self {
            must: self.must.intersection(&end.must).copied().collect(),
            may: self.may.union(&end.may).copied().collect(),
            together: self.together.into_iter().filter(|group| end.together.contains(group)).collect(),
        }
    }

    /// What is wrong with what is seen.
    pub(super) fn problems(&self, seen: &Seen) -> Vec<String> {
        let all: BTreeSet<i64> = seen.iter().flatten().copied().collect();
        let lost: Vec<i64> = self.must.difference(&all).copied().collect();
        let foreign: Vec<i64> = all.difference(&self.may).copied().collect();
        let mut problems = Vec::new();
        if !lost.is_empty() {
            problems.push(format!("acknowledged rows are lost: {lost:?}"));
        }
        if !foreign.is_empty() {
            problems.push(format!("rows are there that are deleted, or never came: {foreign:?}"));
        }
        for (name, rows) in &self.together {
            let there: Vec<i64> = rows.iter().filter(|row| all.contains(row)).copied().collect();
            if !there.is_empty() && there.len() < rows.len() {
                problems.push(format!("{name} is half done: {there:?} of {rows:?} are there"));
            }
        }
        problems
    }
}

/// Whether the day of a row ended before a time, in the table that lets them go.
pub(super) fn is_retired(row: &Row, before_ns: i64) -> bool {
    debug_assert!(row.table < TABLES.len());
    row.table == 0 && (row.time.div_euclid(DAY_NS) + 1) * DAY_NS <= before_ns
}
