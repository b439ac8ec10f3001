//! Which rules name which key, kept across requests: clients repeat the same few keys, and to ask for all names of one takes longer than its value.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::rule::Rule;
use crate::meaning::{Place, canonical_names};

/// Keys of one place that are remembered. A client that puts values into keys has more: then they are forgotten.
const KEYS_MAX: usize = 16_384;
/// Longer keys are asked about each time.
const KEY_BYTES_MAX: usize = 256;
/// Idle memories that are kept for the next requests: as many as requests may run at once before one starts from nothing.
const IDLE_MAX: usize = 8;

/// Numbers of rules, ascending.
pub(super) type Rules = Arc<[usize]>;

/// The rules that name the keys seen so far.
#[derive(Debug, Default)]
pub(super) struct KnownKeys(HashMap<Place, HashMap<Box<str>, Rules>>);

impl KnownKeys {
    /// The rules that name the key of an attribute at `place`, by any name that it has.
    pub(super) fn naming(&mut self, rules: &[Rule], place: Place, key: &str) -> Rules {
        let known = self.0.entry(place).or_default();
        if let Some(naming) = known.get(key) {
            return Arc::clone(naming);
        }
        let full = format!("{}{key}", place.prefix());
        let mut names = canonical_names(place, key);
        names.push(&full);
        let naming = rules_naming(rules, &names);
        if known.len() >= KEYS_MAX {
            known.clear();
        }
        if key.len() <= KEY_BYTES_MAX {
            known.insert(key.into(), Arc::clone(&naming));
        }
        naming
    }
}

/// The rules that name one of these names.
pub(super) fn rules_naming(rules: &[Rule], names: &[&str]) -> Rules {
    let is_named =
        |rule: &Rule| rule.names.as_ref().is_some_and(|own| names.iter().any(|name| own.hold(name)));
    rules.iter().enumerate().filter(|(_, rule)| is_named(rule)).map(|(place, _)| place).collect()
}

/// Known keys between requests. A request takes some for itself, so that values need no lock.
#[derive(Debug, Default)]
pub(super) struct KnownPool(Mutex<Vec<KnownKeys>>);

impl KnownPool {
    pub(super) fn take(&self) -> KnownKeys {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, known: KnownKeys) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(known);
        }
    }
}
