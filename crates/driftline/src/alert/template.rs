//! Texts with values in them, in the form of Prometheus: `{{ $labels.model }} is at {{ $value | humanizePercentage }}`.
//!
//! `$labels.x` is a label, `$value` the value, `$columns.x` any other column of the row. A name that a row does not have is an empty text.

use std::collections::BTreeMap;

use super::labels::Labels;
use crate::error::{Error, Result};

const USAGE: &str = "{{ $value }}, {{ $labels.name }} or {{ $columns.name }}, each with | humanize, | humanizePercentage or | humanizeDuration";

/// A parsed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Place, Option<Shape>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Value,
    Label(String),
    Column(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Humanize,
    Percentage,
    Duration,
}

/// What a text can name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) labels: &'a Labels,
    pub(crate) value: Option<f64>,
    pub(crate) columns: &'a BTreeMap<String, String>,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut parts = vec![];
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after
                .split_once("}}")
                .ok_or_else(|| Error::invalid(format!("a template has {{{{ without }}}}: '{text}'")))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(parse_value(inside)?);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    pub(crate) fn render(&self, values: Values<'_>) -> String {
        let rendered = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Value(place, shape) => rendered(place, *shape, values),
        });
        rendered.collect()
    }
}

fn parse_value(inside: &str) -> Result<Part> {
    let wrong = || Error::invalid(format!("a template takes {USAGE}, got {{{{{inside}}}}}"));
    let (place, shape) = match inside.split_once('|') {
        Some((place, shape)) => (place.trim(), Some(shape.trim())),
        None => (inside.trim(), None),
    };
    let place = match place.split_once('.') {
        None if place == "$value" => Place::Value,
        Some(("$labels", name)) if !name.is_empty() => Place::Label(name.to_owned()),
        Some(("$columns", name)) if !name.is_empty() => Place::Column(name.to_owned()),
        _ => return Err(wrong()),
    };
    let shape = match shape {
        None => None,
        Some("humanize") => Some(Shape::Humanize),
        Some("humanizePercentage") => Some(Shape::Percentage),
        Some("humanizeDuration") => Some(Shape::Duration),
        Some(_) => return Err(wrong()),
    };
    Ok(Part::Value(place, shape))
}

fn rendered(place: &Place, shape: Option<Shape>, values: Values<'_>) -> String {
    let text = match place {
        Place::Value => values.value.map(plain),
        Place::Label(name) => values.labels.get(name).map(str::to_owned),
        Place::Column(name) => values.columns.get(name).cloned(),
    };
    let text = text.unwrap_or_default();
    match (shape, text.parse::<f64>()) {
        (Some(shape), Ok(number)) if number.is_finite() => shape.of(number),
        _ => text,
    }
}

impl Shape {
    fn of(self, number: f64) -> String {
        match self {
            Self::Humanize => humanized(number),
            Self::Percentage => format!("{}%", digits(number * 100.0)),
            Self::Duration => duration(number),
        }
    }
}

/// A number in full, or with an exponent where that would be long.
fn plain(number: f64) -> String {
    match number {
        number if number != 0.0 && number.is_finite() && !(1e-6..1e21).contains(&number.abs()) => {
            format!("{number:e}")
        }
        number => number.to_string(),
    }
}

/// Four significant digits, and a prefix of the SI.
fn humanized(number: f64) -> String {
    if number != 0.0 && !(1e-9..1e15).contains(&number.abs()) {
        return format!("{number:.3e}");
    }
    const PREFIXES: [(f64, &str); 8] =
        [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n")];
    let found = PREFIXES.into_iter().find(|(unit, _)| number.abs() >= *unit);
    found.map_or_else(|| digits(number), |(unit, prefix)| format!("{}{prefix}", digits(number / unit)))
}

/// Four significant digits, without zeros at the end.
fn digits(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let after_point = (3 - number.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{number:.after_point$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Seconds as people say them: `1d 2h 3m 4s`.
fn duration(seconds: f64) -> String {
    if seconds.abs() < 60.0 {
        return format!("{}s", digits(seconds));
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let mut left = seconds.abs() as u64;
    let mut parts = vec![];
    for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
        if left >= unit {
            parts.push(format!("{}{name}", left / unit));
            left %= unit;
        }
    }
    format!("{sign}{}", parts.join(" "))
}

#[cfg(test)]
mod tests;
