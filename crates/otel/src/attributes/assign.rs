//! One record's attributes: each to its column or to the rest, then the aliases for canonical names that the record does not carry itself.

use std::{borrow::Cow, collections::HashMap};

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};

use super::keys::{Key, Keys, Use, event_attribute};
use crate::{
    columns::Pushed,
    layout::Layout,
    mapper::payloads::{INLINE_BYTES_MAX, is_large},
    messages::{MessageKey, Messages, Side},
    semconv::{JsonMemo, Requires, Source},
};

/// Where attributes go.
pub(crate) trait Sink {
    /// Offers a value to a column of the table.
    fn column(&mut self, column: usize, value: &Value) -> Pushed;
    /// Counts a value that its column could not take.
    fn moved(&mut self, column: usize);
    /// Keeps a value under its key.
    fn rest(&mut self, key: &str, value: Option<&AnyValue>);
    /// Whether it wants to have messages.
    fn takes_messages(&self) -> bool;
    /// Keeps the list of messages of one side.
    fn messages(&mut self, side: Side, list: &str);
    /// Keeps under its key what is left of a large text that the messages of this side hold.
    fn rest_of_message(&mut self, side: Side, key: &str, text: &str);
    /// Notes a key that looks like one of the resource or the scope.
    fn shadows(&mut self);
}

/// What an alias line may ask about the record besides its attributes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts<'a> {
    pub(crate) span: Option<&'a Span>,
}

impl<'a> Facts<'a> {
    fn is_error(&self) -> bool {
        let status = self.span.and_then(|span| span.status.as_ref());
        status.is_some_and(|status| status.code == StatusCode::Error as i32)
    }

    fn is_kind(&self, kind: SpanKind) -> bool {
        self.span.is_some_and(|span| span.kind == kind as i32)
    }

    fn allow(&self, alias_use: &Use, keys: &Keys) -> bool {
        match alias_use.alias.requires {
            Requires::Nothing => true,
            Requires::Key(_) => alias_use.requires.is_some_and(|key| keys.seen(key)),
            Requires::Error => self.is_error(),
            Requires::NotError => !self.is_error(),
            Requires::Client => self.is_kind(SpanKind::Client),
            Requires::Server => self.is_kind(SpanKind::Server),
        }
    }

    /// What the span's events offer to alias lines.
    fn event_candidates(&self, keys: &Keys, candidates: &mut Vec<(Use, Source<'a>)>) {
        let Some(span) = self.span else { return };
        for event in &span.events {
            for alias_use in keys.event(&event.name) {
                let source = match event_attribute(alias_use.alias) {
                    Some(key) => {
                        let attribute = event.attributes.iter().find(|attribute| attribute.key == key);
                        attribute.and_then(|attribute| value_of(attribute)).map(Source::Value)
                    }
                    None => elapsed(span.start_time_unix_nano, event.time_unix_nano).map(Source::Elapsed),
                };
                candidates.extend(source.map(|source| (*alias_use, source)));
            }
        }
    }
}

fn elapsed(start: u64, event: u64) -> Option<i64> {
    event.checked_sub(start).and_then(|ns| i64::try_from(ns).ok())
}

fn value_of(attribute: &KeyValue) -> Option<&Value> {
    attribute.value.as_ref().and_then(|any| any.value.as_ref())
}

/// Sends the attributes of one record to `sink`. A key that comes twice keeps its first value; later ones are kept as `key#2`, `key#3`.
pub(crate) fn assign(
    keys: &mut Keys,
    layout: &Layout,
    attributes: &[KeyValue],
    facts: Facts<'_>,
    sink: &mut impl Sink,
) {
    keys.begin();
    let mut candidates: Vec<(Use, Source<'_>)> = Vec::new();
    let mut repeats: HashMap<u32, u32> = HashMap::new();
    let mut messages = MessageParts::default();
    for attribute in attributes {
        let id = keys.id(&attribute.key, layout);
        if !keys.see(id) {
            let key = repeated_key(keys, layout, &mut repeats, id, &attribute.key);
            sink.rest(&key, attribute.value.as_ref());
            continue;
        }
        let key = keys.get(id);
        if key.shadows {
            sink.shadows();
        }
        let value = value_of(attribute);
        let message = key.message.filter(|_| sink.takes_messages()).zip(value);
        if let Some((message, value)) = message {
            messages.all.push(message, value);
        }
        if !own_column(layout, key, value, sink) {
            match message {
                Some((message, Value::StringValue(text))) if text.len() > INLINE_BYTES_MAX => {
                    messages.large.push((message, attribute, text));
                }
                _ => sink.rest(&attribute.key, attribute.value.as_ref()),
            }
        }
        if let Some(value) = value {
            candidates.extend(key.uses.iter().map(|alias_use| (*alias_use, Source::Value(value))));
        }
    }
    messages.send(sink);
    facts.event_candidates(keys, &mut candidates);
    if !candidates.is_empty() {
        assign_aliases(keys, layout, candidates, facts, sink);
    }
}

/// What one record says of messages.
#[derive(Default)]
struct MessageParts<'a> {
    all: Messages<'a>,
    /// Texts too large for the record.
    large: Vec<(MessageKey, &'a KeyValue, &'a str)>,
}

impl MessageParts<'_> {
    fn send(self, sink: &mut impl Sink) {
        for (message, attribute, text) in self.large {
            match self.all.holds(message, text) {
                true => sink.rest_of_message(message.side(), &attribute.key, text),
                false => sink.rest(&attribute.key, attribute.value.as_ref()),
            }
        }
        if self.all.is_empty() {
            return;
        }
        for side in Side::ALL {
            if let Some(list) = self.all.list(side) {
                sink.messages(side, &list);
            }
        }
    }
}

/// Offers a value to the column of its own key; true when the value is wholly in there.
fn own_column(layout: &Layout, key: &Key, value: Option<&Value>, sink: &mut impl Sink) -> bool {
    let (Some(column), Some(value)) = (key.column, value) else { return false };
    let declared = layout.attribute_of(column).is_some();
    let rewrite = key.rewrite.filter(|_| !declared);
    let renamed =
        rewrite.and_then(|alias| alias.transform.apply(Source::Value(value), &mut JsonMemo::default()));
    let (offered, renamed) = match &renamed {
        Some(Cow::Owned(renamed)) => (renamed, true),
        Some(Cow::Borrowed(_)) | None => (value, false),
    };
    match sink.column(column, offered) {
        Pushed::Taken => !renamed,
        Pushed::Reshaped => !renamed && !declared,
        Pushed::Occupied | Pushed::TooLarge => false,
        Pushed::Contradicts => {
            sink.moved(column);
            false
        }
    }
}

/// The next free name for a key that came before in this record.
fn repeated_key(
    keys: &mut Keys,
    layout: &Layout,
    repeats: &mut HashMap<u32, u32>,
    id: u32,
    key: &str,
) -> String {
    let count = repeats.entry(id).or_insert(1);
    loop {
        *count += 1;
        let name = format!("{key}#{count}");
        let id = keys.id(&name, layout);
        if keys.see(id) {
            return name;
        }
    }
}

/// Fills canonical names that the record does not carry itself, each from the first line of the alias table that can.
fn assign_aliases<'a>(
    keys: &mut Keys,
    layout: &Layout,
    mut candidates: Vec<(Use, Source<'a>)>,
    facts: Facts<'a>,
    sink: &mut impl Sink,
) {
    // stable: of two events of one name the earlier counts
    candidates.sort_by_key(|(alias_use, _)| alias_use.rank);
    let mut json = JsonMemo::default();
    for (alias_use, source) in candidates {
        if keys.seen(alias_use.canonical) || !facts.allow(&alias_use, keys) {
            continue;
        }
        let Some(value) = alias_use.alias.transform.apply(source, &mut json) else { continue };
        let kept = match keys.get(alias_use.canonical).column {
            Some(column) => {
                let declared = layout.attribute_of(column).is_some();
                match sink.column(column, &value) {
                    Pushed::Taken | Pushed::Occupied => false,
                    Pushed::Reshaped => declared,
                    // the original is a payload
                    Pushed::TooLarge => continue,
                    Pushed::Contradicts => {
                        sink.moved(column);
                        if !declared {
                            continue;
                        }
                        true
                    }
                }
            }
            // the original is a payload
            None if is_large(&value) => continue,
            None => true,
        };
        if kept {
            sink.rest(alias_use.alias.canonical, Some(&AnyValue { value: Some(value.into_owned()) }));
        }
        keys.see(alias_use.canonical);
    }
}
