//! One rule: which values, and what becomes of them.

use blake2::digest::consts::U16;
use blake2::digest::{KeyInit, Mac};
use blake2::{Blake2b256, Blake2bMac, Digest};
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use regex::Regex;
use serde::Deserialize;

use crate::{
    any_value::write_value,
    error::{Error, Result},
    semconv::{AliasSource, aliases},
};

/// What a masked text is.
const MASK: &str = "****";
/// Stands for any text in a key.
const ANY: char = '*';

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RedactionAction {
    /// The attribute is left out.
    Drop,
    /// A keyed hash in its place: 32 hexadecimal digits, the same for the same value, so that one can still group and join by it.
    Hash,
    /// `****` in its place.
    Mask,
}

/// A rule as it is written in a configuration: the attributes that `keys` names, or the parts of any text that match `pattern`; with both, the
/// parts of those attributes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactionRule {
    /// What `driftline.ingest_stats` counts it as; without it, its number.
    #[serde(default)]
    pub name: Option<String>,
    /// Names of attributes, of whatever they belong to, and of members of map values; `*` stands for any text. A current name of the semantic
    /// conventions means its aliases, too.
    #[serde(default)]
    pub keys: Vec<String>,
    /// A regular expression. Texts are the values of attributes, bodies of log records, names and status messages of spans.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What becomes of them.
    pub action: RedactionAction,
}

/// A rule that can be applied.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    /// `None` for all attributes.
    keys: Option<Regex>,
    pattern: Option<Regex>,
    action: RedactionAction,
}

/// What a rule does with a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Kept,
    Changed,
    Dropped,
}

impl Rule {
    pub(super) fn new(place: usize, rule: &RedactionRule, hash_key: Option<&str>) -> Result<Self> {
        let name = rule.name.clone().unwrap_or_else(|| format!("rule {}", place + 1));
        let refused = |what: String| Error::invalid(format!("redaction \"{name}\": {what}"));
        if rule.keys.is_empty() && rule.pattern.is_none() {
            return Err(refused("names neither keys nor a pattern".to_owned()));
        }
        if rule.action == RedactionAction::Hash && hash_key.is_none_or(str::is_empty) {
            return Err(refused("a hash needs a key, without which values can be guessed".to_owned()));
        }
        let expression = |text: &str| Regex::new(text).map_err(|error| refused(error.to_string()));
        let keys = (!rule.keys.is_empty()).then(|| expression(&keys_pattern(&rule.keys))).transpose()?;
        let pattern = rule.pattern.as_deref().map(expression).transpose()?;
        Ok(Self { name, keys, pattern, action: rule.action })
    }

    /// Whether the rule is about the attribute of this key.
    pub(super) fn names(&self, key: &str) -> bool {
        self.keys.as_ref().is_none_or(|keys| keys.is_match(key))
    }

    /// Whether the rule is about texts that are no attributes.
    pub(super) fn is_for_all_texts(&self) -> bool {
        self.keys.is_none()
    }

    /// Applies the rule to a value that it is about.
    pub(super) fn apply(&self, value: &mut AnyValue, hash_key: &str) -> Outcome {
        let Some(pattern) = &self.pattern else { return self.apply_to_whole(value, hash_key) };
        match self.action {
            RedactionAction::Drop if holds(value, pattern) => Outcome::Dropped,
            RedactionAction::Drop => Outcome::Kept,
            RedactionAction::Hash | RedactionAction::Mask => {
                if self.replace_in(value, pattern, hash_key) {
                    Outcome::Changed
                } else {
                    Outcome::Kept
                }
            }
        }
    }

    /// Applies the rule to a text; what is dropped of one that must be is empty.
    pub(super) fn apply_to_text(&self, text: &mut String, hash_key: &str) -> Outcome {
        match &self.pattern {
            Some(pattern) if self.action == RedactionAction::Drop && pattern.is_match(text) => {
                text.clear();
                Outcome::Changed
            }
            Some(pattern) if self.replace(text, pattern, hash_key) => Outcome::Changed,
            _ => Outcome::Kept,
        }
    }

    fn apply_to_whole(&self, value: &mut AnyValue, hash_key: &str) -> Outcome {
        let redacted = match (self.action, &value.value) {
            (RedactionAction::Drop, _) => return Outcome::Dropped,
            (_, None) => return Outcome::Kept,
            (RedactionAction::Mask, Some(_)) => MASK.to_owned(),
            (RedactionAction::Hash, Some(Value::StringValue(text))) => hash(text, hash_key),
            (RedactionAction::Hash, Some(other)) => {
                let mut json = String::new();
                write_value(&mut json, other);
                hash(&json, hash_key)
            }
        };
        value.value = Some(Value::StringValue(redacted));
        Outcome::Changed
    }

    fn replace_in(&self, value: &mut AnyValue, pattern: &Regex, hash_key: &str) -> bool {
        match &mut value.value {
            Some(Value::StringValue(text)) => self.replace(text, pattern, hash_key),
            Some(Value::ArrayValue(list)) => self.replace_in_all(list.values.iter_mut(), pattern, hash_key),
            Some(Value::KvlistValue(map)) => {
                let members = map.values.iter_mut().filter_map(|member| member.value.as_mut());
                self.replace_in_all(members, pattern, hash_key)
            }
            _ => false,
        }
    }

    fn replace_in_all<'a>(
        &self,
        values: impl Iterator<Item = &'a mut AnyValue>,
        pattern: &Regex,
        hash_key: &str,
    ) -> bool {
        let mut changed = false;
        for value in values {
            changed |= self.replace_in(value, pattern, hash_key);
        }
        changed
    }

    fn replace(&self, text: &mut String, pattern: &Regex, hash_key: &str) -> bool {
        let replaced = pattern.replace_all(text, |found: &regex::Captures<'_>| match self.action {
            RedactionAction::Hash => hash(&found[0], hash_key),
            RedactionAction::Mask | RedactionAction::Drop => MASK.to_owned(),
        });
        match replaced {
            std::borrow::Cow::Borrowed(_) => false,
            std::borrow::Cow::Owned(replaced) => {
                *text = replaced;
                true
            }
        }
    }
}

/// Whether a text in a value matches.
fn holds(value: &AnyValue, pattern: &Regex) -> bool {
    match &value.value {
        Some(Value::StringValue(text)) => pattern.is_match(text),
        Some(Value::ArrayValue(list)) => list.values.iter().any(|value| holds(value, pattern)),
        Some(Value::KvlistValue(map)) => {
            map.values.iter().filter_map(|member| member.value.as_ref()).any(|value| holds(value, pattern))
        }
        _ => false,
    }
}

/// An expression that matches the keys, and the older names of those that have some.
fn keys_pattern(keys: &[String]) -> String {
    let older = aliases().iter().filter(|alias| keys.iter().any(|key| key == alias.canonical));
    let older = older.filter_map(|alias| match alias.from {
        AliasSource::Record(key) | AliasSource::Resource(key) => Some(key),
        _ => None,
    });
    let names: Vec<String> = keys
        .iter()
        .map(String::as_str)
        .chain(older)
        .map(|key| key.split(ANY).map(regex::escape).collect::<Vec<_>>().join("(?s:.*)"))
        .collect();
    format!("^(?:{})$", names.join("|"))
}

fn hash(text: &str, key: &str) -> String {
    let mut mac =
        Blake2bMac::<U16>::new_from_slice(&Blake2b256::digest(key)).expect("a key of 32 bytes is allowed");
    Mac::update(&mut mac, text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
