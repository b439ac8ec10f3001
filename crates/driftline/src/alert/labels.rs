//! The labels of a series: what tells it from the others of its alert.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};
use crate::labels::shown_text;

/// The label that names the alert.
pub(crate) const ALERTNAME: &str = "alertname";

/// Names and values, sorted by name. An empty value is no label.
///
/// # Example
/// ```
/// use driftline::Labels;
/// let labels: Labels = [("alertname", "drift"), ("model", "small")].into_iter().collect();
/// assert_eq!(labels.to_string(), "alertname=drift, model=small");
/// assert_eq!(labels.get("model"), Some("small"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The labels, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a label; an empty value takes it away.
    pub(crate) fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        match (name.into(), value.into()) {
            (name, value) if value.is_empty() => drop(self.0.remove(&name)),
            (name, value) => drop(self.0.insert(name, value)),
        }
    }

    /// The labels as a JSON object: one text for equal labels.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("texts are JSON")
    }

    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let labels = serde_json::from_str(text);
        labels
            .map(Self)
            .map_err(|error| Error::invalid(format!("labels are a JSON object of texts: {error}")))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut labels = Self::default();
        pairs.into_iter().for_each(|(name, value)| labels.set(name, value));
        labels
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> =
            self.iter().map(|(name, value)| format!("{name}={}", shown_text(Some(value)))).collect();
        f.write_str(&pairs.join(", "))
    }
}
