//! What is known about attribute keys, kept across requests.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    layout::{Layout, Owner},
    messages::MessageKey,
    semconv::{self, Alias, AliasSource, Requires},
};

/// Keys that one [`Keys`] remembers between requests; one that grew beyond (a client that puts values into keys) is dropped after its request.
const KEYS_MAX: usize = 16_384;
/// Idle key sets a table keeps for the next requests: as many as requests may run at once before one starts from nothing.
const IDLE_MAX: usize = 8;

/// What is known about one attribute key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) column: Option<usize>,
    /// The alias lines that read this key.
    pub(crate) uses: Vec<Use>,
    /// A line that renames values of this key itself.
    pub(crate) rewrite: Option<&'static Alias>,
    /// The key starts like one of a resource or a scope.
    pub(crate) shadows: bool,
    /// What the key says about messages.
    pub(crate) message: Option<MessageKey>,
}

/// An alias line with the keys it concerns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    pub(crate) rank: usize,
    pub(crate) alias: &'static Alias,
    pub(crate) canonical: u32,
    pub(crate) requires: Option<u32>,
}

/// The keys of one owner (records, scopes or resources) of one table.
#[derive(Debug)]
pub(crate) struct Keys {
    owner: Owner,
    ids: HashMap<Box<str>, u32>,
    keys: Vec<Key>,
    /// The record in which a key was seen last, so that duplicates show without comparing.
    seen: Vec<u64>,
    record: u64,
    events: HashMap<&'static str, Vec<Use>>,
}

impl Keys {
    fn new(owner: Owner, layout: &Layout) -> Self {
        let mut keys = Self {
            owner,
            ids: HashMap::new(),
            keys: Vec::new(),
            seen: Vec::new(),
            record: 0,
            events: HashMap::new(),
        };
        if owner == Owner::Record {
            for (name, ranks) in &semconv::table().event {
                let uses = ranks.iter().map(|rank| keys.use_of(*rank, layout)).collect();
                keys.events.insert(name, uses);
            }
        }
        keys
    }

    /// The number of a key; its entry is made when it is new.
    pub(crate) fn id(&mut self, key: &str, layout: &Layout) -> u32 {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = u32::try_from(self.keys.len()).expect("a request has fewer bytes than u32 can count");
        self.ids.insert(key.into(), id);
        let column = layout.column_of(self.owner, key);
        let shadows =
            self.owner == Owner::Record && (key.starts_with("resource.") || key.starts_with("scope."));
        let message = MessageKey::parse(key).filter(|_| self.owner == Owner::Record);
        self.keys.push(Key { column, uses: Vec::new(), rewrite: None, shadows, message });
        self.seen.push(0);

        let table = semconv::table();
        let ranks = match self.owner {
            Owner::Record => table.record.get(key),
            Owner::Resource => table.resource.get(key),
            Owner::Scope => None,
        };
        for rank in ranks.into_iter().flatten() {
            let alias = &table.aliases[*rank];
            if alias.canonical == key {
                self.keys[id as usize].rewrite = Some(alias);
            } else {
                let alias_use = self.use_of(*rank, layout);
                self.keys[id as usize].uses.push(alias_use);
            }
        }
        id
    }

    fn use_of(&mut self, rank: usize, layout: &Layout) -> Use {
        let alias = &semconv::table().aliases[rank];
        let requires = match alias.requires {
            Requires::Key(key) => Some(self.id(key, layout)),
            _ => None,
        };
        Use { rank, alias, canonical: self.id(alias.canonical, layout), requires }
    }

    pub(crate) fn get(&self, id: u32) -> &Key {
        &self.keys[id as usize]
    }

    /// The alias lines that read the event `name`.
    pub(crate) fn event(&self, name: &str) -> &[Use] {
        self.events.get(name).map_or(&[], Vec::as_slice)
    }

    /// Starts a record: no key has been seen in it.
    pub(crate) fn begin(&mut self) {
        self.record += 1;
    }

    pub(crate) fn seen(&self, id: u32) -> bool {
        self.seen[id as usize] == self.record
    }

    /// Marks a key as seen in this record; false when it was already.
    pub(crate) fn see(&mut self, id: u32) -> bool {
        let first = !self.seen(id);
        self.seen[id as usize] = self.record;
        first
    }
}

/// The attribute of an event that an alias reads, if it is not the event's time.
pub(crate) fn event_attribute(alias: &Alias) -> Option<&'static str> {
    match alias.from {
        AliasSource::Event { attribute, .. } => attribute,
        AliasSource::Record(_) | AliasSource::Resource(_) => None,
    }
}

/// The keys of a table, one [`Keys`] an owner.
#[derive(Debug)]
pub(crate) struct KeySet {
    pub(crate) record: Keys,
    pub(crate) scope: Keys,
    pub(crate) resource: Keys,
}

impl KeySet {
    fn new(layout: &Layout) -> Self {
        Self {
            record: Keys::new(Owner::Record, layout),
            scope: Keys::new(Owner::Scope, layout),
            resource: Keys::new(Owner::Resource, layout),
        }
    }

    fn len(&self) -> usize {
        self.record.keys.len() + self.scope.keys.len() + self.resource.keys.len()
    }
}

/// Key sets between requests. A request takes one for itself, so that rows need no lock.
#[derive(Debug, Default)]
pub(crate) struct KeyPool(Mutex<Vec<KeySet>>);

impl KeyPool {
    pub(crate) fn take(&self, layout: &Layout) -> KeySet {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| KeySet::new(layout))
    }

    pub(crate) fn give_back(&self, keys: KeySet) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && keys.len() <= KEYS_MAX {
            idle.push(keys);
        }
    }
}
