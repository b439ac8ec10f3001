//! What rows have from their resource and scope: worked out once, repeated in every row.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, any_value::Value},
    resource::v1::Resource,
};

use arrow::array::{ArrayRef, StringBuilder};

use super::{
    assign::{Facts, Sink, assign},
    keys::KeySet,
};
use crate::{
    any_value::write_json,
    columns::{AttributeColumn, Pushed},
    layout::{Batch, Layout, Owner},
    messages::Side,
};

/// The attributes of a resource or scope, in the form in which rows repeat them.
pub(crate) struct Inherited {
    pub(crate) columns: Vec<(usize, Value)>,
    pub(crate) moved: Vec<usize>,
    /// Key with its owner's prefix, and JSON.
    pub(crate) rest: Vec<(String, String)>,
    /// Bytes that one row repeats.
    pub(crate) bytes: usize,
}

impl Inherited {
    fn new(
        layout: &Layout,
        owner: Owner,
        keys: &mut super::keys::Keys,
        attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue],
        dropped: u32,
    ) -> Self {
        let mut sink =
            InheritedSink { layout, owner, columns: Vec::new(), moved: Vec::new(), rest: Vec::new() };
        assign(keys, layout, attributes, Facts::default(), &mut sink);
        if dropped > 0 {
            sink.rest.push((format!("{}otel.dropped_attributes_count", owner.prefix()), dropped.to_string()));
        }
        let InheritedSink { columns, moved, rest, .. } = sink;
        let texts = rest.iter().map(|(key, json)| key.len() + json.len()).sum::<usize>();
        let values = columns.iter().map(|(_, value)| value_bytes(value)).sum::<usize>();
        Self { columns, moved, rest, bytes: texts + values }
    }
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::StringValue(text) => text.len(),
        Value::ArrayValue(array) => {
            array.values.iter().filter_map(|any| any.value.as_ref()).map(value_bytes).sum()
        }
        _ => size_of::<f64>(),
    }
}

struct InheritedSink<'a> {
    layout: &'a Layout,
    owner: Owner,
    columns: Vec<(usize, Value)>,
    moved: Vec<usize>,
    rest: Vec<(String, String)>,
}

impl Sink for InheritedSink<'_> {
    fn column(&mut self, column: usize, value: &Value) -> Pushed {
        if self.columns.iter().any(|(taken, _)| *taken == column) {
            return Pushed::Occupied;
        }
        let ty = self.layout.schema.field(column).data_type();
        let pushed = AttributeColumn::new(ty).map_or(Pushed::Contradicts, |mut trial| trial.push(0, value));
        if matches!(pushed, Pushed::Taken | Pushed::Reshaped) {
            self.columns.push((column, value.clone()));
        }
        pushed
    }

    fn moved(&mut self, column: usize) {
        self.moved.push(column);
    }

    fn rest(&mut self, key: &str, value: Option<&AnyValue>) {
        let mut json = String::new();
        write_json(&mut json, value);
        self.rest.push((format!("{}{key}", self.owner.prefix()), json));
    }

    fn takes_messages(&self) -> bool {
        false
    }

    fn messages(&mut self, _: Side, _: &str) {}

    fn rest_of_message(&mut self, _: Side, _: &str, _: &str) {}

    fn shadows(&mut self) {}
}

/// The resource and scope of the rows at hand.
pub(crate) struct Origin<'a> {
    service_name: Option<&'a str>,
    scope_name: &'a str,
    scope_version: &'a str,
    schema_url: &'a str,
    pub(crate) resource: &'a Inherited,
    pub(crate) scope: Inherited,
}

/// A resource with the name of its service, which has a column of its own.
pub(crate) struct ResourceOrigin<'a> {
    service_name: Option<&'a str>,
    schema_url: &'a str,
    pub(crate) inherited: Inherited,
}

impl<'a> ResourceOrigin<'a> {
    pub(crate) fn new(
        layout: &Layout,
        keys: &mut KeySet,
        resource: Option<&'a Resource>,
        schema_url: &'a str,
    ) -> Self {
        let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
        let dropped = resource.map_or(0, |resource| resource.dropped_attributes_count);
        let mut inherited = Inherited::new(layout, Owner::Resource, &mut keys.resource, attributes, dropped);
        let named = attributes.iter().find(|attribute| attribute.key == "service.name");
        let service_name = match named.and_then(|name| name.value.as_ref()).and_then(|any| any.value.as_ref())
        {
            Some(Value::StringValue(name)) if layout.has("service_name") => Some(name.as_str()),
            _ => None,
        };
        if service_name.is_some() {
            let kept = inherited.rest.iter().position(|(key, _)| key == "resource.service.name");
            kept.map(|kept| inherited.rest.remove(kept));
        } else if named.is_some() {
            inherited.moved.extend(layout.schema.index_of("service_name"));
        }
        inherited.bytes += schema_url.len() + service_name.map_or(0, str::len);
        Self { service_name, schema_url, inherited }
    }

    /// The origin of the rows in one scope of this resource.
    pub(crate) fn scope<'b>(
        &'b self,
        layout: &Layout,
        keys: &mut KeySet,
        scope: Option<&'b InstrumentationScope>,
        schema_url: &'b str,
    ) -> Origin<'b> {
        let attributes = scope.map_or(&[][..], |scope| &scope.attributes);
        let dropped = scope.map_or(0, |scope| scope.dropped_attributes_count);
        let (name, version) = scope.map_or(("", ""), |scope| (&scope.name, &scope.version));
        let mut inherited = Inherited::new(layout, Owner::Scope, &mut keys.scope, attributes, dropped);
        inherited.bytes += name.len() + version.len() + schema_url.len();
        Origin {
            service_name: self.service_name,
            scope_name: name,
            scope_version: version,
            schema_url: if schema_url.is_empty() { self.schema_url } else { schema_url },
            resource: &self.inherited,
            scope: inherited,
        }
    }
}

impl Origin<'_> {
    /// Bytes that one row repeats.
    pub(crate) fn bytes(&self) -> usize {
        self.resource.bytes + self.scope.bytes
    }
}

/// The built-in columns that name where a row comes from; every table has them.
#[derive(Debug, Default)]
pub(crate) struct OriginColumns {
    service_name: StringBuilder,
    scope_name: StringBuilder,
    scope_version: StringBuilder,
    schema_url: StringBuilder,
}

impl OriginColumns {
    pub(crate) fn push(&mut self, origin: &Origin<'_>) {
        self.service_name.append_option(origin.service_name);
        self.scope_name.append_option(non_empty(origin.scope_name));
        self.scope_version.append_option(non_empty(origin.scope_version));
        self.schema_url.append_option(non_empty(origin.schema_url));
    }

    pub(crate) fn finish(&mut self, batch: &mut Batch<'_>) {
        let columns = [
            ("service_name", &mut self.service_name),
            ("scope_name", &mut self.scope_name),
            ("scope_version", &mut self.scope_version),
            ("schema_url", &mut self.schema_url),
        ];
        for (name, builder) in columns {
            batch.put(name, |_| Arc::new(builder.finish()) as ArrayRef);
        }
    }
}

/// Protobuf has no absent text: empty means not set.
pub(crate) fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
