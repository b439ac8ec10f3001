//! Personal data, taken out before anything is stored: rules say which attributes, or which parts of any text, are dropped, hashed or masked.
//! Rules see what the client sent, under its own names; what the mapping makes of it (columns, messages, evaluations) comes after.

mod hasher;
mod json_text;
mod known;
mod names;
mod rule;
#[cfg(test)]
mod tests;
mod visit;
mod walk;

use std::fmt;

use hasher::Hasher;
use known::KnownPool;
use rule::Rule;
pub use rule::{RedactionAction, RedactionRule};

use crate::error::Result;

/// The rules of a database, ready to be applied.
pub struct Redaction {
    rules: Vec<Rule>,
    hasher: Hasher,
    known: KnownPool,
}

impl Redaction {
    /// Checks the rules. `hash_key` makes the hashes of this database its own: who has no key cannot find out a value by hashing guesses.
    ///
    /// # Errors
    /// `Invalid` for a rule without keys and pattern, a pattern that is no regular expression, and a rule that hashes without a key.
    ///
    /// # Example
    /// ```
    /// use driftline_otel::{Redaction, RedactionAction, RedactionRule};
    /// let rule = RedactionRule {
    ///     name: None,
    ///     keys: vec![],
    ///     pattern: Some(r"[\w.+-]+@[\w-]+\.[\w.]+".to_owned()),
    ///     action: RedactionAction::Mask,
    /// };
    /// Redaction::new(&[rule], None)?;
    /// # Ok::<(), driftline_otel::Error>(())
    /// ```
    pub fn new(rules: &[RedactionRule], hash_key: Option<&str>) -> Result<Self> {
        let rules: Vec<Rule> = rules
            .iter()
            .enumerate()
            .map(|(place, rule)| Rule::new(place, rule, hash_key))
            .collect::<Result<_>>()?;
        Ok(Self { rules, hasher: Hasher::new(hash_key.unwrap_or_default()), known: KnownPool::default() })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// The key is nobody's business.
impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction").field("rules", &self.rules).finish_non_exhaustive()
    }
}
