//! One rule: which values, and what becomes of them.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use regex::{Captures, Regex};
use serde::Deserialize;

use super::{hasher::Hasher, names::Names};
use crate::{
    any_value::write_value,
    error::{Error, Result},
};

/// What a masked text is.
const MASK: &str = "****";

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
    /// Names of attributes, of whatever they belong to, and of members of maps, be they values or JSON in a text; `*` stands for any text. Names are
    /// compared as the columns that they become. A current name of the semantic conventions means all that becomes it, too.
    #[serde(default)]
    pub keys: Vec<String>,
    /// A regular expression. Texts are keys and values of attributes, numbers as they are written, bodies of log records, and what a span, event,
    /// link, metric, scope or log record has besides attributes in its sender's words.
    #[serde(default)]
    pub pattern: Option<String>,
    /// What becomes of them.
    pub action: RedactionAction,
}

/// A rule that can be applied.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    /// `None` for all texts.
    pub(super) names: Option<Names>,
    /// `None` for whole values.
    pattern: Option<Regex>,
    action: RedactionAction,
}

/// What became of a value or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Kept,
    Changed,
    /// The rule of this number wants it away, with the attribute that holds it.
    Dropped(usize),
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
        let names = (!rule.keys.is_empty()).then(|| Names::new(&rule.keys)).transpose();
        let names = names.map_err(|error| refused(error.to_string()))?;
        let pattern = rule.pattern.as_deref().map(Regex::new).transpose();
        let pattern = pattern.map_err(|error| refused(error.to_string()))?;
        Ok(Self { name, names, pattern, action: rule.action })
    }

    /// Whether the rule is about parts of values, not whole ones.
    pub(super) fn is_for_parts(&self) -> bool {
        self.pattern.is_some()
    }

    pub(super) fn drops(&self) -> bool {
        self.action == RedactionAction::Drop
    }

    /// The text that stands for a whole value; `None` for an empty one.
    pub(super) fn instead_of(&self, value: &AnyValue, hasher: &Hasher) -> Option<String> {
        Some(match (self.action, value.value.as_ref()?) {
            (RedactionAction::Hash, Value::StringValue(text)) => hasher.hash(text),
            (RedactionAction::Hash, other) => {
                let mut json = String::new();
                write_value(&mut json, other);
                hasher.hash(&json)
            }
            (RedactionAction::Mask | RedactionAction::Drop, _) => MASK.to_owned(),
        })
    }

    /// Whether a part of a text is meant.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }

    /// Replaces the parts of a text that are meant; false where there are none.
    pub(super) fn replace_in(&self, text: &mut String, hasher: &Hasher) -> bool {
        let Some(pattern) = &self.pattern else { return false };
        let replaced = pattern.replace_all(text, |found: &Captures<'_>| match self.action {
            RedactionAction::Hash => hasher.hash(&found[0]),
            RedactionAction::Mask | RedactionAction::Drop => MASK.to_owned(),
        });
        let Cow::Owned(replaced) = replaced else { return false };
        *text = replaced;
        true
    }
}
