//! The identity of a metric series as one number.
//!
//! `series_id` is XXH64 (seed 0), as a signed integer, over these parts in this order: resource attributes, scope name, scope version, scope
//! attributes, metric name, unit, kind, temporality (empty when there is none), `true` or `false` for is_monotonic (empty when there is none), the
//! point's attributes. A text is its length in bytes as u32 little-endian, then its UTF-8 bytes; a list of attributes is their number as u32
//! little-endian, then key and JSON value (as in `attributes`) of each, both as texts, sorted by the bytes of the key, then of the value.
//!
//! The names are those that were sent: the alias table may grow without splitting a series.

use opentelemetry_proto::tonic::{
    common::v1::{InstrumentationScope, KeyValue},
    resource::v1::Resource,
};
use std::hash::Hasher;
use twox_hash::XxHash64;

use crate::any_value::write_json;

/// A hash in the making; cheap to copy, so that a resource, a scope and a metric are hashed once for all their points.
#[derive(Clone)]
pub(crate) struct SeriesHash(XxHash64);

impl SeriesHash {
    pub(crate) fn resource(resource: Option<&Resource>, scratch: &mut SortScratch) -> Self {
        let mut hash = Self(XxHash64::with_seed(0));
        hash.attributes(resource.map_or(&[], |resource| &resource.attributes), scratch);
        hash
    }

    pub(crate) fn scope(&self, scope: Option<&InstrumentationScope>, scratch: &mut SortScratch) -> Self {
        let mut hash = self.clone();
        hash.text(scope.map_or("", |scope| &scope.name));
        hash.text(scope.map_or("", |scope| &scope.version));
        hash.attributes(scope.map_or(&[], |scope| &scope.attributes), scratch);
        hash
    }

    pub(crate) fn metric(&self, texts: [&str; 5]) -> Self {
        let mut hash = self.clone();
        texts.into_iter().for_each(|text| hash.text(text));
        hash
    }

    pub(crate) fn point(&self, attributes: &[KeyValue], scratch: &mut SortScratch) -> i64 {
        let mut hash = self.clone();
        hash.attributes(attributes, scratch);
        hash.0.finish() as i64
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.write(text.as_bytes());
    }

    fn count(&mut self, count: usize) {
        self.0.write(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn attributes(&mut self, attributes: &[KeyValue], scratch: &mut SortScratch) {
        self.count(attributes.len());
        scratch.sort(attributes);
        for &(attribute, start, end) in &scratch.order {
            self.text(&attributes[attribute].key);
            self.text(&scratch.json[start..end]);
        }
    }
}

/// Room for sorting attributes, kept from point to point.
#[derive(Default)]
pub(crate) struct SortScratch {
    json: String,
    /// Position of the attribute, and where its JSON lies.
    order: Vec<(usize, usize, usize)>,
}

impl SortScratch {
    fn sort(&mut self, attributes: &[KeyValue]) {
        self.json.clear();
        self.order.clear();
        for (i, attribute) in attributes.iter().enumerate() {
            let start = self.json.len();
            write_json(&mut self.json, attribute.value.as_ref());
            self.order.push((i, start, self.json.len()));
        }
        let json = &self.json;
        self.order.sort_unstable_by(|a, b| {
            let key = |entry: &(usize, usize, usize)| attributes[entry.0].key.as_bytes();
            key(a).cmp(key(b)).then_with(|| json[a.1..a.2].cmp(&json[b.1..b.2]))
        });
    }
}
