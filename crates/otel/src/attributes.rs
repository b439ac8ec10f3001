//! Attributes on their way into columns, or into the residual `attributes` map.
//!
//! A request repeats the same few keys in every row, so a key is looked at once: [`Keys`] remembers, across rows and requests, which column it
//! fills and which aliases it has. After that an attribute costs one hash look-up and one append.

mod assign;
mod inherited;
mod keys;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

pub(crate) use assign::{Facts, Sink, assign};
pub(crate) use inherited::{Inherited, Origin, OriginColumns, ResourceOrigin, non_empty};
pub(crate) use keys::{KeyPool, KeySet};

use crate::{
    any_value::{write_json, write_text, write_value},
    columns::{AttributeColumn, MapColumn, Pushed},
    layout::{Batch, Layout},
    mapper::payloads::{EVALUATIONS, Payloads, is_large, large_text, write_left_behind},
    messages::Side,
};

/// The attribute columns and the residual map of a batch in the making.
pub(crate) struct Attributes<'a> {
    layout: &'a Layout,
    columns: Vec<Option<AttributeColumn>>,
    rest: MapColumn,
    moved: Vec<u64>,
    row: usize,
    json: String,
    /// Whether the row has a key that looks like an inherited one (`resource.x`).
    shadows: bool,
    /// Values that leave the row because they are too large for it.
    pub(crate) large: Payloads,
    keeps_large_values: bool,
    /// Whether columns of the row take large values: it is found by them alone.
    columns_take_large: bool,
    /// Keys of the row whose large texts are in rows of evaluations.
    explained: Vec<String>,
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(layout: &'a Layout) -> Self {
        let columns = layout.schema.fields().len();
        Self {
            layout,
            columns: (0..columns).map(|_| None).collect(),
            rest: MapColumn::default(),
            moved: vec![0; columns],
            row: 0,
            json: String::new(),
            shadows: false,
            large: Payloads::default(),
            keeps_large_values: false,
            columns_take_large: false,
            explained: Vec::new(),
        }
    }

    /// The same for rows that have nothing by which a payload could be found again.
    pub(crate) fn with_large_values(layout: &'a Layout) -> Self {
        Self { keeps_large_values: true, ..Self::new(layout) }
    }

    /// Lets the columns of the row take values however large they are.
    pub(crate) fn take_large_in_columns(&mut self) {
        self.columns_take_large = true;
    }

    /// Leaves large texts of the row that have these keys to the rows of its evaluations.
    pub(crate) fn explained<'k>(&mut self, keys: impl Iterator<Item = &'k str>) {
        self.explained.extend(keys.map(str::to_owned));
    }

    /// Keeps `text` under `key`, because the built-in column of the same meaning cannot hold it.
    pub(crate) fn keep_text(&mut self, column: &str, key: &str, text: &str) {
        self.json.clear();
        write_text(&mut self.json, text);
        self.rest.push(key, &self.json);
        if let Ok(i) = self.layout.schema.index_of(column) {
            self.moved[i] += 1;
        }
    }

    /// Keeps a count of what the client dropped, under the names that the specification gives to other formats.
    pub(crate) fn keep_dropped(&mut self, key: &str, count: u32) {
        if count > 0 {
            self.rest.push(key, &count.to_string());
        }
    }

    /// Repeats what the row has from its scope or resource.
    pub(crate) fn inherit(&mut self, inherited: &Inherited, own: &[KeyValue]) {
        for (column, value) in &inherited.columns {
            match self.shadowed(*column, own) {
                None => {
                    self.push_column(*column, value);
                }
                // what the column has in another form is among the rest as well
                Some(key) if inherited.rest.iter().any(|(rest, _)| rest == key) => {}
                Some(key) => {
                    self.json.clear();
                    write_value(&mut self.json, value);
                    self.rest.push(&beside_own(key), &self.json);
                }
            }
        }
        for column in &inherited.moved {
            self.moved[*column] += 1;
        }
        for (key, json) in &inherited.rest {
            if self.shadows && own.iter().any(|entry| entry.key == *key) {
                self.rest.push(&beside_own(key), json);
            } else {
                self.rest.push(key, json);
            }
        }
    }

    /// The key of an inherited column when the row itself has that key, and so the column.
    fn shadowed(&self, column: usize, own: &[KeyValue]) -> Option<&'a str> {
        let key = self.layout.attribute_of(column).filter(|_| self.shadows)?;
        own.iter().any(|entry| entry.key == key).then_some(key)
    }

    /// Whether the row has messages of this side already.
    pub(crate) fn has_messages(&self, side: Side) -> bool {
        self.large.has(self.row, side.key())
    }

    pub(crate) fn end_row(&mut self) {
        self.rest.end_row();
        self.row += 1;
        self.shadows = false;
        self.columns_take_large = false;
        self.explained.clear();
    }

    fn push_column(&mut self, column: usize, value: &Value) -> Pushed {
        let fresh = || AttributeColumn::new(self.layout.schema.field(column).data_type());
        let slot = &mut self.columns[column];
        if slot.is_none() {
            *slot = fresh();
        }
        slot.as_mut().map_or(Pushed::Contradicts, |column| column.push(self.row, value))
    }

    /// Adds the columns to the batch; returns the columns that values had to leave, and how many did, and the payloads.
    pub(crate) fn finish(mut self, batch: &mut Batch<'_>) -> (Vec<(usize, u64)>, Payloads) {
        for (i, column) in self.columns.into_iter().enumerate() {
            if let Some(column) = column {
                batch.put_attribute(i, column.finish(self.row));
            }
        }
        batch.put("attributes", |ty| self.rest.finish(ty));
        let moved = self.moved.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
        (moved, self.large)
    }
}

/// The key of an inherited attribute in a row that has the usual one itself.
fn beside_own(key: &str) -> String {
    let (prefix, name) = key.split_once('.').expect("an inherited key has its owner's prefix");
    format!("{prefix}..{name}")
}

impl Sink for Attributes<'_> {
    fn column(&mut self, column: usize, value: &Value) -> Pushed {
        match is_large(value) && !self.keeps_large_values && !self.columns_take_large {
            true => Pushed::TooLarge,
            false => self.push_column(column, value),
        }
    }

    fn moved(&mut self, column: usize) {
        self.moved[column] += 1;
    }

    fn rest(&mut self, key: &str, value: Option<&AnyValue>) {
        let explanation = large_text(value).filter(|_| self.explained.iter().any(|of| of == key));
        match (self.keeps_large_values, explanation) {
            (_, Some(text)) => write_left_behind(&mut self.json, text, Some(EVALUATIONS)),
            (false, None) => self.large.write_or_take(self.row, None, key, value, &mut self.json),
            (true, None) => {
                self.json.clear();
                write_json(&mut self.json, value);
            }
        }
        self.rest.push(key, &self.json);
    }

    fn takes_messages(&self) -> bool {
        !self.keeps_large_values
    }

    fn messages(&mut self, side: Side, list: &str) {
        self.large.keep(self.row, side.key(), list);
    }

    fn rest_of_message(&mut self, side: Side, key: &str, text: &str) {
        self.json.clear();
        write_left_behind(&mut self.json, text, Some(side.key()));
        self.rest.push(key, &self.json);
    }

    fn shadows(&mut self) {
        self.shadows = true;
    }
}
