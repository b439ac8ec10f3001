//! Labels: which of them name the metric and its resource, and the others as attributes.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
};

/// A label: name and value.
pub(super) type Label<'a> = (&'a str, &'a str);

const NAME: &str = "__name__";
const JOB: &str = "job";
const INSTANCE: &str = "instance";

/// What job and instance become.
const SERVICE: &str = "service.name";
const NAMESPACE: &str = "service.namespace";
const SERVICE_INSTANCE: &str = "service.instance.id";

/// What an attribute takes besides its two texts.
const ATTRIBUTE_BYTES: usize = 128;

/// Stands between the labels of a key; no text of UTF-8 holds it.
const SEPARATOR: u8 = 0xFF;

/// The labels of a series, checked and sorted. One without a value is as one that is not there, by the data model of Prometheus.
#[derive(Debug)]
pub(super) struct Labels<'a>(Vec<Label<'a>>);

impl<'a> Labels<'a> {
    /// # Errors
    /// Why they name no series.
    pub(super) fn new(mut labels: Vec<Label<'a>>) -> Result<Self, &'static str> {
        if labels.iter().any(|(name, _)| name.is_empty()) {
            return Err("series: a label without a name");
        }
        labels.sort_unstable();
        if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err("series: a label comes twice");
        }
        labels.retain(|(_, value)| !value.is_empty());
        let labels = Self(labels);
        if labels.get(NAME).is_empty() {
            return Err("series: no label __name__");
        }
        Ok(labels)
    }

    /// The value of a label; empty where there is none.
    fn get(&self, name: &str) -> &'a str {
        self.0.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }

    pub(super) fn name(&self) -> &'a str {
        self.get(NAME)
    }

    /// Writes what tells this series from others.
    pub(super) fn write_key(&self, key: &mut Vec<u8>) {
        key.clear();
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            key.extend_from_slice(text.as_bytes());
            key.push(SEPARATOR);
        }
    }

    /// The labels that are no names of the metric or its resource.
    pub(super) fn attributes(&self) -> Vec<KeyValue> {
        let others = self.0.iter().filter(|(name, _)| ![NAME, JOB, INSTANCE].contains(name));
        others.map(|(name, value)| attribute(name, value)).collect()
    }

    /// Where the series was scraped: job and instance.
    pub(super) fn target(&self) -> [&'a str; 2] {
        [self.get(JOB), self.get(INSTANCE)]
    }

    /// Bytes that the labels take in each point.
    pub(super) fn cost(&self) -> usize {
        cost(&self.0)
    }
}

/// Bytes that labels take once they are attributes, as the JSON that they may become.
pub(super) fn cost(labels: &[Label<'_>]) -> usize {
    labels.iter().map(|(name, value)| name.len() + json_bytes(value) + ATTRIBUTE_BYTES).sum()
}

/// At least as many bytes as the text takes as JSON.
fn json_bytes(text: &str) -> usize {
    let bytes = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => "\\u0000".len(),
        _ => 1,
    };
    text.bytes().map(bytes).sum()
}

pub(super) fn attribute(name: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: name.to_owned(), value, ..Default::default() }
}

/// The label that an attribute of such a resource was.
pub(crate) fn label_of(key: &str) -> Option<&'static str> {
    match key {
        SERVICE | NAMESPACE => Some(JOB),
        SERVICE_INSTANCE => Some(INSTANCE),
        _ => None,
    }
}

/// The resource that a job and an instance name. A job `namespace/name` is what OpenTelemetry writes for a service with a namespace.
pub(super) fn resource([job, instance]: [&str; 2]) -> Resource {
    let (namespace, name) = match job.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            (namespace, name)
        }
        _ => ("", job),
    };
    let named = [(SERVICE, name), (NAMESPACE, namespace), (SERVICE_INSTANCE, instance)];
    let attributes = named.into_iter().filter(|(_, value)| !value.is_empty());
    let attributes = attributes.map(|(name, value)| attribute(name, value)).collect();
    Resource { attributes, ..Default::default() }
}
