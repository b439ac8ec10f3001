//! Pins: who still needs something that would otherwise go. A pin is a number, such as a version or a time; while it is held, nothing from
//! that number on goes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The numbers that are pinned, and how often each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pins(Arc<Mutex<BTreeMap<i64, usize>>>);

/// Holds a number until it is dropped.
#[derive(Debug)]
pub(crate) struct Pin {
    pins: Pins,
    number: i64,
}

impl Pins {
    pub(crate) fn pin(&self, number: i64) -> Pin {
        self.with(|pins| *pins.entry(number).or_default() += 1);
        Pin { pins: self.clone(), number }
    }

    /// The lowest number that is pinned.
    pub(crate) fn lowest(&self) -> Option<i64> {
        self.with(|pins| pins.first_key_value().map(|(number, _)| *number))
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<i64, usize>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pin {
    pub(crate) fn number(&self) -> i64 {
        self.number
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.pins.with(|pins| {
            if let Some(count) = pins.get_mut(&self.number) {
                *count -= 1;
                if *count == 0 {
                    pins.remove(&self.number);
                }
            }
        });
    }
}
