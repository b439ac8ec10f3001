//! The alias table: old and foreign names of attributes, and the current semantic-convention name each of them fills.
//!
//! The table is data: `semconv/aliases.tsv` and `semconv/values.tsv`, with the origin of every line. It is applied at ingest: the column of the
//! canonical name is filled, and the original stays in `attributes` (or in its own column), so that nothing is lost by a wrong line.

mod parse;
mod transform;

use std::{collections::HashMap, sync::OnceLock};

pub(crate) use transform::{JsonMemo, Source};

use crate::layout::column_name;

/// One line of the alias table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// Where the value is read.
    pub from: AliasSource,
    /// The attribute key that the value stands for; a resource's key when the alias is one.
    pub canonical: &'static str,
    /// How the value is changed on the way.
    pub transform: Transform,
    /// When the alias counts.
    pub requires: Requires,
    /// The version of the semantic conventions that used the alias, or the project that does.
    pub generation: &'static str,
    /// Where the line was taken from.
    pub source: &'static str,
}

/// Where an alias reads its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliasSource {
    /// An attribute of the span, data point or log record.
    Record(&'static str),
    /// An attribute of the resource.
    Resource(&'static str),
    /// A span event: its time, or one of its attributes.
    Event {
        /// The event's name.
        name: &'static str,
        /// The attribute, if the value is not the time.
        attribute: Option<&'static str>,
    },
}

/// How a value is changed on its way to the canonical attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transform {
    /// Not at all.
    AsIs,
    /// Renamed by a set of `values.tsv`.
    Values(&'static ValueSet),
    /// A member of the JSON object that the text holds.
    JsonMember(&'static str),
    /// A single value becomes an array of one.
    Array,
    /// A text that is a number becomes it; true is 1, false 0.
    Number,
    /// Milliseconds become seconds.
    Milliseconds,
    /// The seconds from the start of the span to the event.
    SinceStart,
}

/// When an alias counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requires {
    /// Always.
    Nothing,
    /// The same record carries this attribute too.
    Key(&'static str),
    /// The span's status is error.
    Error,
    /// The span's status is not error.
    NotError,
    /// The span is of kind client.
    Client,
    /// The span is of kind server.
    Server,
}

/// The renamed values of one set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueSet {
    /// The set's name in `values.tsv`.
    pub name: &'static str,
    renamed: HashMap<&'static str, &'static str>,
    /// Ends of values, and what all that have them are.
    ends: Vec<(&'static str, &'static str)>,
    /// Whether a value without a line stays as it is, instead of filling nothing.
    keeps_others: bool,
}

impl ValueSet {
    /// The current name of `value`.
    pub fn canonical<'a>(&self, value: &'a str) -> Option<&'a str> {
        let by_end =
            || self.ends.iter().find(|(end, _)| value.ends_with(end)).map(|(_, canonical)| *canonical);
        let renamed = self.renamed.get(value).copied().or_else(by_end);
        renamed.or(self.keeps_others.then_some(value))
    }
}

/// The alias table, in order of precedence.
pub fn aliases() -> &'static [Alias] {
    &table().aliases
}

/// The alias table with its look-ups. Values of the maps are positions in `aliases`.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) aliases: Vec<Alias>,
    pub(crate) record: HashMap<&'static str, Vec<usize>>,
    pub(crate) resource: HashMap<&'static str, Vec<usize>>,
    pub(crate) event: HashMap<&'static str, Vec<usize>>,
    /// Column name -> the only key that may fill it by name.
    owners: HashMap<String, &'static str>,
    /// Column name of an alias -> the canonical names that it feeds.
    feeds: HashMap<String, Vec<&'static str>>,
}

impl Table {
    /// The key that owns the attribute column `name`, where the table knows one: `gen_ai.usage.cache_read_input_tokens` would have the same
    /// column name as `gen_ai.usage.cache_read.input_tokens`, and is another key.
    pub(crate) fn owner(&self, name: &str) -> Option<&'static str> {
        self.owners.get(name).copied()
    }

    /// The canonical names that attributes feed whose column has this name.
    pub(crate) fn fed_by(&self, column: &str) -> &[&'static str] {
        self.feeds.get(column).map_or(&[], Vec::as_slice)
    }

    /// The name of an event, if the table knows it.
    pub(crate) fn event_name(&self, name: &str) -> Option<&'static str> {
        self.event.get_key_value(name).map(|(name, _)| *name)
    }

    /// The canonical names that attributes of an event feed whose column has this name.
    pub(crate) fn fed_by_event(&self, event: &str, column: &str) -> impl Iterator<Item = &'static str> {
        let lines = self.event.get(event).into_iter().flatten().map(|line| &self.aliases[*line]);
        let reads = move |alias: &&Alias| matches!(alias.from, AliasSource::Event { attribute: Some(key), .. } if column_name(key) == column);
        lines.filter(reads).map(|alias| alias.canonical)
    }
}

pub(crate) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let aliases = parse::aliases();
        let mut table = Table {
            record: HashMap::new(),
            resource: HashMap::new(),
            event: HashMap::new(),
            owners: HashMap::new(),
            feeds: HashMap::new(),
            aliases: Vec::new(),
        };
        for (i, alias) in aliases.iter().enumerate() {
            match alias.from {
                AliasSource::Record(key) => table.record.entry(key).or_default().push(i),
                AliasSource::Resource(key) => table.resource.entry(key).or_default().push(i),
                AliasSource::Event { name, .. } => table.event.entry(name).or_default().push(i),
            }
            if let AliasSource::Record(key) | AliasSource::Resource(key) = alias.from {
                table.feeds.entry(column_name(key)).or_default().push(alias.canonical);
            }
            if !matches!(alias.from, AliasSource::Resource(_)) {
                table.owners.insert(column_name(alias.canonical), alias.canonical);
            }
        }
        table.aliases = aliases;
        table
    })
}

#[cfg(test)]
mod tests;
