//! Options by their names alone: for functions whose options are numbers, choices and flags of their own.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{choose, key_and_value, split, unknown};

/// The options of one call, as `name=value` texts whose names are known.
#[derive(Debug)]
pub(crate) struct NamedOptions<'a> {
    given: Vec<(&'static str, &'a str)>,
}

impl<'a> NamedOptions<'a> {
    /// Reads `text`; only the options in `known` are accepted, each once.
    pub(crate) fn parse(text: &'a str, known: &[&'static str]) -> Result<Self, String> {
        let mut given: Vec<(&'static str, &str)> = Vec::new();
        for part in split(text)? {
            let (key, value) = key_and_value(part)?;
            let Some(&name) = known.iter().find(|name| name.eq_ignore_ascii_case(key)) else {
                return Err(unknown(key, known));
            };
            if given.iter().any(|&(other, _)| other == name) {
                return Err(format!("option '{key}' is given twice"));
            }
            given.push((name, value));
        }
        Ok(Self { given })
    }

    /// The text of an option, if it is given.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.given.iter().find(|&&(given, _)| given == name).map(|&(_, value)| value)
    }

    /// A finite number that `accepts` accepts; `allowed` says which those are: "lie in (0, 1)".
    pub(crate) fn number(
        &self,
        name: &str,
        accepts: impl Fn(f64) -> bool,
        allowed: &str,
    ) -> Result<Option<f64>, String> {
        let is_allowed = |number: &f64| number.is_finite() && accepts(*number);
        self.parsed(name, is_allowed, || allowed.to_string())
    }

    /// A whole number within `range`.
    pub(crate) fn whole<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, String>
    where
        T: FromStr + PartialOrd + Display,
    {
        let is_allowed = |number: &T| range.contains(number);
        self.parsed(name, is_allowed, || {
            format!("be a whole number from {} to {}", range.start(), range.end())
        })
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, String> {
        self.text(name).map(|value| choose(name, value, choices)).transpose()
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        self.choice(name, &[("true", true), ("false", false)])
    }

    fn parsed<T: FromStr>(
        &self,
        name: &str,
        is_allowed: impl Fn(&T) -> bool,
        allowed: impl Fn() -> String,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let number = value.parse().ok().filter(is_allowed);
        number.map(Some).ok_or_else(|| format!("option '{name}' must {}, got '{value}'", allowed()))
    }
}
