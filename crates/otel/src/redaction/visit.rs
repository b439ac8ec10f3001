//! The one walk through a value: lists, maps and texts that are JSON, at any depth, with the rules that are meant at each place.
//!
//! Rules apply in their order. A rule for parts sees every text in the value that it is about; a rule for the whole waits until the rules before it
//! have seen all parts, and those behind it see what it has left.

use std::{borrow::Cow, ops::Range, sync::Arc};

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

use super::{
    Redaction, json_text,
    known::{KnownKeys, Rules, rules_naming},
    rule::{Outcome, Rule},
};
use crate::{any_value::write_value, mapper::Redacted, meaning::Place};

/// Levels of lists, maps and JSON in texts of JSON below which a text is seen as it stands: what nests without end must not take all the stack.
const DEPTH_MAX: usize = 100;

/// The rules on their way through a request, with what they changed.
pub(super) struct Visit<'r> {
    redaction: &'r Redaction,
    /// Values that were changed, by rule.
    counts: Vec<u64>,
    /// The rules for all texts.
    for_all: Rules,
    have_names: bool,
    known: KnownKeys,
    /// How many values the visit is inside of.
    depth: usize,
}

impl<'r> Visit<'r> {
    pub(super) fn new(redaction: &'r Redaction) -> Self {
        let rules = &redaction.rules;
        Self {
            redaction,
            counts: vec![0; rules.len()],
            for_all: (0..rules.len()).filter(|rule| rules[*rule].names.is_none()).collect(),
            have_names: rules.iter().any(|rule| rule.names.is_some()),
            known: redaction.known.take(),
            depth: 0,
        }
    }

    /// What was changed, by rule.
    pub(super) fn report(self) -> Vec<Redacted> {
        self.redaction.known.give_back(self.known);
        let counted = self.redaction.rules.iter().zip(self.counts).filter(|(_, count)| *count > 0);
        counted.map(|(rule, count)| Redacted { rule: rule.name.clone(), count }).collect()
    }

    /// A text that is no attribute; one that must go becomes empty.
    pub(super) fn text(&mut self, text: &mut String) {
        if text.is_empty() {
            return;
        }
        let for_all = Arc::clone(&self.for_all);
        if let Outcome::Dropped(_) = self.string(text, &for_all, self.all()) {
            text.clear();
        }
    }

    /// Attributes that stand at `place`.
    pub(super) fn attributes(&mut self, place: Place, attributes: &mut Vec<KeyValue>) {
        let for_all = Arc::clone(&self.for_all);
        self.members(Some(place), attributes, &for_all, self.all());
    }

    /// The body of a log record; `name` is the attribute that it is, if any.
    pub(super) fn body(&mut self, name: Option<&str>, body: &mut Option<AnyValue>) {
        let for_all = Arc::clone(&self.for_all);
        let named = name.map_or_else(Rules::default, |name| rules_naming(&self.redaction.rules, &[name]));
        if let Outcome::Dropped(_) = self.named_value(body, &named, &for_all, self.all()) {
            *body = None;
        }
    }

    fn all(&self) -> Range<usize> {
        0..self.redaction.rules.len()
    }

    fn rule(&self, rule: usize) -> &'r Rule {
        &self.redaction.rules[rule]
    }

    /// Attributes, or with no place members of a value. `around` are the rules for parts that are about all of them, `within` the rules whose turn it is.
    fn members(
        &mut self,
        place: Option<Place>,
        members: &mut Vec<KeyValue>,
        around: &[usize],
        within: Range<usize>,
    ) -> Outcome {
        let mut is_changed = false;
        let mut holder_goes = None;
        members.retain_mut(|KeyValue { key, value, .. }| {
            if holder_goes.is_some() {
                return true;
            }
            let named = self.named(place.unwrap_or(Place::Record), key);
            let mut outcome = self.named_value(value, &named, around, within.clone());
            if !matches!(outcome, Outcome::Dropped(_)) {
                is_changed |= outcome == Outcome::Changed;
                let for_all = Arc::clone(&self.for_all);
                outcome = self.plain(key, &for_all, within.clone());
            }
            match outcome {
                Outcome::Kept => true,
                Outcome::Changed => {
                    is_changed = true;
                    true
                }
                // what a rule for all texts drops is the attribute, and not the part of its value
                Outcome::Dropped(rule) if place.is_some() || named.contains(&rule) => {
                    is_changed = true;
                    false
                }
                Outcome::Dropped(rule) => {
                    holder_goes = Some(rule);
                    true
                }
            }
        });
        match holder_goes {
            Some(rule) => Outcome::Dropped(rule),
            None => changed_if(is_changed),
        }
    }

    /// A value with the rules that name it, and those around it.
    fn named_value(
        &mut self,
        value: &mut Option<AnyValue>,
        named: &[usize],
        around: &[usize],
        within: Range<usize>,
    ) -> Outcome {
        let (for_parts, for_whole): (Vec<_>, Vec<_>) =
            named.iter().partition(|rule| self.rule(**rule).is_for_parts());
        let for_parts = together(around, for_parts);
        let mut is_changed = false;
        let mut from = within.start;
        for rule in for_whole.into_iter().filter(|rule| within.contains(rule)) {
            match self.parts(value, &for_parts, from..rule) {
                Outcome::Dropped(rule) => return Outcome::Dropped(rule),
                outcome => is_changed |= outcome == Outcome::Changed,
            }
            from = rule + 1;
            match self.whole(value, rule) {
                Outcome::Dropped(rule) => return Outcome::Dropped(rule),
                outcome => is_changed |= outcome == Outcome::Changed,
            }
        }
        match self.parts(value, &for_parts, from..within.end) {
            Outcome::Kept => changed_if(is_changed),
            outcome => outcome,
        }
    }

    fn whole(&mut self, value: &mut Option<AnyValue>, rule: usize) -> Outcome {
        if self.rule(rule).drops() {
            self.counts[rule] += 1;
            return Outcome::Dropped(rule);
        }
        let instead =
            value.as_ref().and_then(|value| self.rule(rule).instead_of(value, &self.redaction.hasher));
        let Some(instead) = instead else { return Outcome::Kept };
        *value = Some(AnyValue { value: Some(Value::StringValue(instead)) });
        self.counts[rule] += 1;
        Outcome::Changed
    }

    fn parts(&mut self, value: &mut Option<AnyValue>, rules: &[usize], within: Range<usize>) -> Outcome {
        value.as_mut().map_or(Outcome::Kept, |value| self.value(value, rules, within))
    }

    /// Everything in a value.
    fn value(&mut self, value: &mut AnyValue, rules: &[usize], within: Range<usize>) -> Outcome {
        self.depth += 1;
        let outcome = self.inside(value, rules, within);
        self.depth -= 1;
        outcome
    }

    fn inside(&mut self, value: &mut AnyValue, rules: &[usize], within: Range<usize>) -> Outcome {
        match &mut value.value {
            Some(Value::StringValue(text)) => self.string(text, rules, within),
            Some(Value::KvlistValue(map)) => self.members(None, &mut map.values, rules, within),
            Some(Value::ArrayValue(list)) => {
                let mut is_changed = false;
                for value in &mut list.values {
                    match self.value(value, rules, within.clone()) {
                        Outcome::Dropped(rule) => return Outcome::Dropped(rule),
                        outcome => is_changed |= outcome == Outcome::Changed,
                    }
                }
                changed_if(is_changed)
            }
            Some(Value::BytesValue(bytes)) => match String::from_utf8(std::mem::take(bytes)) {
                Ok(mut text) => {
                    let outcome = self.string(&mut text, rules, within);
                    *bytes = text.into_bytes();
                    outcome
                }
                Err(no_text) => {
                    *bytes = no_text.into_bytes();
                    Outcome::Kept
                }
            },
            Some(number @ (Value::IntValue(_) | Value::DoubleValue(_))) => {
                let mut text = String::new();
                write_value(&mut text, number);
                let outcome = self.plain(&mut text, rules, within);
                if outcome == Outcome::Changed {
                    *number = Value::StringValue(text);
                }
                outcome
            }
            Some(Value::BoolValue(_) | Value::StringValueStrindex(_)) | None => Outcome::Kept,
        }
    }

    /// A text, or what it says where it is JSON; it is written anew only where that was changed.
    fn string(&mut self, text: &mut String, rules: &[usize], within: Range<usize>) -> Outcome {
        if within.is_empty() || (rules.is_empty() && !self.have_names) {
            return Outcome::Kept;
        }
        let json = if self.depth < DEPTH_MAX { json_text::read(text) } else { None };
        let Some(mut json) = json else { return self.plain(text, rules, within) };
        let outcome = self.value(&mut json, rules, within);
        if outcome == Outcome::Changed {
            *text = json_text::write(&json);
        }
        outcome
    }

    /// A text as it stands.
    fn plain(&mut self, text: &mut String, rules: &[usize], within: Range<usize>) -> Outcome {
        let mut is_changed = false;
        for &place in rules.iter().filter(|rule| within.contains(rule)) {
            let rule = self.rule(place);
            if rule.drops() {
                if rule.is_in(text) {
                    self.counts[place] += 1;
                    return Outcome::Dropped(place);
                }
            } else if rule.replace_in(text, &self.redaction.hasher) {
                self.counts[place] += 1;
                is_changed = true;
            }
        }
        changed_if(is_changed)
    }

    /// The rules that name the key of an attribute at `place`.
    fn named(&mut self, place: Place, key: &str) -> Rules {
        match self.have_names {
            true => self.known.naming(&self.redaction.rules, place, key),
            false => Rules::default(),
        }
    }
}

fn changed_if(is_changed: bool) -> Outcome {
    if is_changed { Outcome::Changed } else { Outcome::Kept }
}

/// Both lists as one, ascending.
fn together(around: &[usize], own: Vec<usize>) -> Cow<'_, [usize]> {
    if own.is_empty() {
        return Cow::Borrowed(around);
    }
    let mut all: Vec<usize> = around.iter().copied().chain(own).collect();
    all.sort_unstable();
    all.dedup();
    Cow::Owned(all)
}
