use arrow::{array::AsArray, datatypes::TimestampNanosecondType};
use opentelemetry_proto::tonic::{
    common::v1::{InstrumentationScope, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        Span, Status,
        span::{Event, Link},
    },
};
use proptest::prelude::*;

use super::build::*;
use crate::{
    Mapped, Moved, Rejected,
    groups::{Group, Item, Scoped},
};

fn map_one(span: Span) -> Mapped {
    mapper().traces(traces(&[("service.name", text("shop"))], vec![span]))
}

// breaks when a built-in column is filled from the wrong field, or a NULL is written as a value
#[test]
fn a_span_fills_the_built_in_columns() {
    let full = Span {
        parent_span_id: vec![2; 8],
        trace_state: "a=1".to_string(),
        flags: 0x101,
        status: Some(Status { message: "late".to_string(), code: 2 }),
        ..span(&[])
    };
    let bare = Span { kind: 0, parent_span_id: vec![0; 8], end_time_unix_nano: 0, ..span(&[]) };
    let mapped = mapper().traces(traces(&[("service.name", text("shop"))], vec![full, bare]));
    let rows = Rows::of(&mapped);
    let expected = [
        ("time", Some("1700000000000000000"), Some("1700000000000000000")),
        ("end_time", Some("1700000002000000000"), None),
        ("duration_ns", Some("2000000000"), None),
        ("trace_id", Some("abababababababababababababababab"), Some("abababababababababababababababab")),
        ("span_id", Some("0101010101010101"), Some("0101010101010101")),
        ("parent_span_id", Some("0202020202020202"), None),
        ("trace_state", Some("a=1"), None),
        ("flags", Some("257"), Some("0")),
        ("name", Some("chat gpt-4o"), Some("chat gpt-4o")),
        ("kind", Some("client"), None),
        ("status_code", Some("error"), Some("unset")),
        ("status_message", Some("late"), None),
        ("service_name", Some("shop"), Some("shop")),
        ("scope_name", Some("lib"), Some("lib")),
        ("scope_version", Some("1.0"), Some("1.0")),
    ];
    for (column, first, second) in expected {
        assert_eq!(
            (rows.get(column, 0).as_deref(), rows.get(column, 1).as_deref()),
            (first, second),
            "{column}"
        );
    }
    assert_eq!((mapped.accepted, mapped.rejected_total()), (2, 0));
}

// breaks when all-NULL columns are written, or columns leave the table's order
#[test]
fn batches_are_narrow_and_in_the_tables_order() {
    let mapped = map_one(span(&[("gen_ai.request.model", text("m")), ("error.type", text("e"))]));
    let schema = Rows::of(&mapped).0.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let expected = "time end_time duration_ns trace_id span_id flags name kind status_code service_name scope_name \
                    scope_version gen_ai_request_model error_type";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
}

// breaks when an attribute is lost, loses its type, or loses whose it is
#[test]
fn attributes_go_to_columns_or_stay_in_the_map() {
    let nested = object(&[
        ("tags", array(&[text("a"), Value::IntValue(1)])),
        ("raw", Value::BytesValue(vec![1, 2, 3])),
    ]);
    let span = span(&[
        ("gen_ai.usage.input_tokens", Value::IntValue(7)),
        ("gen_ai.request.temperature", Value::IntValue(1)),
        ("gen_ai.response.finish_reasons", array(&[text("stop"), text("length")])),
        ("app.Intent", text("refund")),
        ("app.nested", nested),
        ("app.ratio", Value::DoubleValue(f64::NAN)),
    ]);
    let scope = InstrumentationScope {
        name: "lib".to_string(),
        attributes: attributes(&[("build", text("x"))]),
        dropped_attributes_count: 2,
        ..Default::default()
    };
    let resource = Resource {
        attributes: attributes(&[
            ("service.name", text("shop")),
            ("host.name", text("h1")),
            ("deployment.environment", text("prod")),
            ("k8s.pod", text("p")),
        ]),
        ..Default::default()
    };
    let scopes = vec![Scoped { scope: Some(scope), schema_url: "s".to_string(), items: vec![span] }];
    let request =
        Span::request(vec![Group { resource: Some(resource), schema_url: "r".to_string(), scopes }]);
    let mapped = mapper().traces(request);
    let rows = Rows::of(&mapped);
    let expected = [
        ("gen_ai_usage_input_tokens", "7"),
        ("gen_ai_request_temperature", "1.0"),
        ("gen_ai_response_finish_reasons", "stop,length"),
        ("service_name", "shop"),
        ("resource_host_name", "h1"),
        ("resource_deployment_environment_name", "prod"),
        ("schema_url", "s"),
    ];
    for (column, value) in expected {
        assert_eq!(rows.get(column, 0).as_deref(), Some(value), "{column}");
    }
    let rest = [
        ("app.Intent", "\"refund\""),
        ("app.nested", "{\"tags\":[\"a\",1],\"raw\":{\"$bytes\":\"AQID\"}}"),
        ("app.ratio", "{\"$double\":\"NaN\"}"),
        ("resource.deployment.environment", "\"prod\""),
        ("resource.k8s.pod", "\"p\""),
        ("scope.build", "\"x\""),
        ("scope.otel.dropped_attributes_count", "2"),
    ];
    assert_eq!(rows.rest(0), pairs(&rest));
    assert!(mapped.moved.is_empty());
}

// breaks when a contradiction rejects the row, overwrites the column, or is not counted
#[test]
fn a_value_that_contradicts_its_column_stays_in_the_map_and_is_counted() {
    let bad = span(&[("gen_ai.usage.input_tokens", text("many")), ("error.type", Value::IntValue(5))]);
    let good = span(&[("gen_ai.usage.input_tokens", Value::IntValue(3))]);
    let resource = [("service.name", Value::IntValue(1)), ("host.name", Value::BoolValue(true))];
    let mapped = mapper().traces(traces(&resource, vec![bad, good]));
    let rows = Rows::of(&mapped);
    assert_eq!(rows.get("gen_ai_usage_input_tokens", 0), None);
    assert_eq!(rows.get("gen_ai_usage_input_tokens", 1).as_deref(), Some("3"));
    let inherited = [("resource.host.name", "true"), ("resource.service.name", "1")];
    let mut first = pairs(&[("error.type", "5"), ("gen_ai.usage.input_tokens", "\"many\"")]);
    first.extend(pairs(&inherited));
    assert_eq!((rows.rest(0), rows.rest(1)), (first, pairs(&inherited)));
    let moved = |column: &str, count| Moved { column: column.to_string(), count };
    let expected = [
        moved("service_name", 2),
        moved("gen_ai_usage_input_tokens", 1),
        moved("error_type", 1),
        moved("resource_host_name", 2),
    ];
    assert_eq!(mapped.moved, expected);
}

// breaks when a repeated key loses a value or gives the map two equal keys, which foreign readers refuse
#[test]
fn repeated_and_colliding_keys_are_all_kept() {
    let span = span(&[
        ("a", Value::IntValue(1)),
        ("a", Value::IntValue(2)),
        ("a#2", Value::IntValue(3)),
        ("a", Value::IntValue(4)),
        ("error.type", text("first")),
        ("error_type", text("other key")),
        ("error.type", text("second")),
        ("resource.k8s.pod", text("own")),
        ("resource_host_name", text("own")),
        ("name", text("an attribute")),
    ]);
    let resource = [("k8s.pod", text("inherited")), ("host.name", text("h"))];
    let mapped = mapper().traces(traces(&resource, vec![span]));
    let rows = Rows::of(&mapped);
    assert_eq!(rows.get("error_type", 0).as_deref(), Some("first"));
    assert_eq!(rows.get("resource_host_name", 0).as_deref(), Some("h"));
    assert_eq!(rows.get("name", 0).as_deref(), Some("chat gpt-4o"));
    let expected = [
        ("a", "1"),
        ("a#2", "2"),
        ("a#2#2", "3"),
        ("a#3", "4"),
        ("error.type#2", "\"second\""),
        ("error_type", "\"other key\""),
        ("name", "\"an attribute\""),
        ("resource..k8s.pod", "\"inherited\""),
        ("resource.k8s.pod", "\"own\""),
        ("resource_host_name", "\"own\""),
    ];
    assert_eq!(rows.rest(0), pairs(&expected));
}

// breaks when an alias overrides the canonical name, or table order does not decide between aliases
#[test]
fn aliases_fill_canonical_columns_by_precedence() {
    type Case<'a> = (&'a [(&'a str, Value)], &'a str, Option<&'a str>);
    let cases: [Case<'_>; 14] = [
        (&[("gen_ai.system", text("vertex_ai"))], "gen_ai_provider_name", Some("gcp.vertex_ai")),
        (&[("gen_ai.system", text("my_own"))], "gen_ai_provider_name", Some("my_own")),
        (&[("llm.system", text("b")), ("gen_ai.system", text("a"))], "gen_ai_provider_name", Some("a")),
        (
            &[("gen_ai.system", text("a")), ("gen_ai.provider.name", text("c"))],
            "gen_ai_provider_name",
            Some("c"),
        ),
        (&[("gen_ai.provider.name", text("xai"))], "gen_ai_provider_name", Some("x_ai")),
        (&[("gen_ai.usage.prompt_tokens", Value::IntValue(4))], "gen_ai_usage_input_tokens", Some("4")),
        (
            &[("gen_ai.usage.cache_read_input_tokens", Value::IntValue(4))],
            "gen_ai_usage_cache_read_input_tokens",
            Some("4"),
        ),
        (
            &[("llm.invocation_parameters", text("{\"top_p\": 0.5, \"seed\": 7}"))],
            "gen_ai_request_top_p",
            Some("0.5"),
        ),
        (&[("llm.invocation_parameters", text("not JSON"))], "gen_ai_request_top_p", None),
        (&[("llm.finish_reason", text("stop"))], "gen_ai_response_finish_reasons", Some("stop")),
        (
            &[("gen_ai.server.time_to_first_token", Value::IntValue(250))],
            "gen_ai_response_time_to_first_chunk",
            Some("0.25"),
        ),
        (&[("openinference.span.kind", text("RERANKER"))], "gen_ai_operation_name", None),
        (&[("tool.name", text("t"))], "gen_ai_tool_name", None),
        (
            &[("tool.name", text("t")), ("openinference.span.kind", text("TOOL"))],
            "gen_ai_tool_name",
            Some("t"),
        ),
    ];
    for (entries, column, expected) in cases {
        let mapped = map_one(span(entries));
        assert_eq!(Rows::of(&mapped).get(column, 0).as_deref(), expected, "{entries:?}");
    }
}

// breaks when an original cannot be recovered, or a canonical name without a column is not readable by its name
#[test]
fn originals_stay_beside_what_they_fill() {
    let mapped = map_one(span(&[
        ("gen_ai.system", text("az.ai.openai")),
        ("gen_ai.provider.name", text("Anthropic")),
        ("db.statement", text("SELECT 1")),
        ("enduser.id", text("u")),
    ]));
    let rows = Rows::of(&mapped);
    let expected = [
        ("db.query.text", "\"SELECT 1\""),
        ("db.statement", "\"SELECT 1\""),
        ("enduser.id", "\"u\""),
        ("gen_ai.provider.name", "\"Anthropic\""),
        ("gen_ai.system", "\"az.ai.openai\""),
    ];
    assert_eq!(rows.rest(0), pairs(&expected));
    assert_eq!(rows.get("gen_ai_provider_name", 0).as_deref(), Some("anthropic"));
    assert_eq!(rows.get("user_id", 0).as_deref(), Some("u"));
}

// breaks when time to first token or the error's type is not taken from the events of clients that send no attribute
#[test]
fn events_fill_what_the_span_itself_does_not_say() {
    let event = |name: &str, after_ms: u64, entries: &[(&str, Value)]| Event {
        time_unix_nano: START + after_ms * 1_000_000,
        name: name.to_string(),
        attributes: attributes(entries),
        ..Default::default()
    };
    let chunk = "gen_ai.content.completion.chunk";
    let exception = event("exception", 9, &[("exception.type", text("Timeout"))]);
    let failed = Some(Status { code: 2, ..Default::default() });
    let events = vec![event(chunk, 120, &[]), event(chunk, 180, &[]), exception];
    let cases = [
        (Span { events: events.clone(), ..span(&[]) }, Some("0.12"), None),
        (Span { events: events.clone(), status: failed.clone(), ..span(&[]) }, Some("0.12"), Some("Timeout")),
        (Span { events, status: failed, ..span(&[("error.type", text("e"))]) }, Some("0.12"), Some("e")),
    ];
    for (span, first_chunk, error) in cases {
        let mapped = map_one(span);
        let rows = Rows::of(&mapped);
        assert_eq!(rows.get("gen_ai_response_time_to_first_chunk", 0).as_deref(), first_chunk);
        assert_eq!(rows.get("error_type", 0).as_deref(), error);
    }
}

// breaks when events or links shift between rows, or lose attributes
#[test]
fn events_and_links_are_lists_of_structs() {
    let event = Event {
        time_unix_nano: START + 5,
        name: "e".to_string(),
        attributes: attributes(&[("k", Value::IntValue(1)), ("k", Value::IntValue(2))]),
        dropped_attributes_count: 3,
    };
    let late = Event { time_unix_nano: u64::MAX, name: "late".to_string(), ..Default::default() };
    let link = Link { trace_id: vec![3; 16], span_id: vec![4; 3], flags: 1, ..Default::default() };
    let with = Span { events: vec![event, late], links: vec![link], ..span(&[]) };
    let mapped = mapper().traces(traces(&[], vec![span(&[]), with]));
    let rows = Rows::of(&mapped);

    let events = rows.column("events").expect("an event was sent").as_list::<i32>();
    assert!(arrow::array::Array::is_null(events, 0));
    let events = events.value(1);
    let events = events.as_struct();
    let times = events.column(0).as_primitive::<TimestampNanosecondType>();
    assert_eq!(times.iter().collect::<Vec<_>>(), [Some(START as i64 + 5), None]);
    let first = [("k", "1"), ("k#2", "2"), ("otel.dropped_attributes_count", "3")];
    assert_eq!(map_entries(Some(events.column(2)), 0), pairs(&first));
    assert_eq!(
        map_entries(Some(events.column(2)), 1),
        pairs(&[("otel.time_unix_nano", "18446744073709551615")])
    );

    let links = rows.column("links").expect("a link was sent").as_list::<i32>().value(1);
    let links = links.as_struct();
    assert_eq!(links.column(0).as_string::<i32>().value(0), "03030303030303030303030303030303");
    assert!(arrow::array::Array::is_null(links.column(1), 0));
    assert_eq!(map_entries(Some(links.column(4)), 0), pairs(&[("otel.span_id", "\"040404\"")]));
}

// breaks when a span without identity or time becomes a row, or takes its neighbours with it
#[test]
fn spans_without_identity_or_time_are_rejected_alone() {
    let cases = [
        (Span { trace_id: vec![], ..span(&[]) }, "span: trace_id must be 16 bytes, not all zero"),
        (Span { trace_id: vec![0; 16], ..span(&[]) }, "span: trace_id must be 16 bytes, not all zero"),
        (Span { span_id: vec![1; 7], ..span(&[]) }, "span: span_id must be 8 bytes, not all zero"),
        (Span { start_time_unix_nano: 0, ..span(&[]) }, "span: no start time"),
        (Span { start_time_unix_nano: u64::MAX, ..span(&[]) }, "span: start time is after 2262-04-11"),
        (Span { end_time_unix_nano: 1 << 63, ..span(&[]) }, "span: end time is after 2262-04-11"),
    ];
    for (bad, reason) in cases {
        let mapped = mapper().traces(traces(&[], vec![bad.clone(), span(&[]), bad]));
        assert_eq!(mapped.accepted, 1);
        assert_eq!(mapped.rejected, [Rejected { reason: reason.to_string(), count: 2 }]);
    }
    let mapped = map_one(Span { trace_id: vec![], ..span(&[]) });
    assert!(mapped.batches.is_empty());
}

// breaks when odd parts that do not cost a span its identity make it vanish
#[test]
fn odd_spans_are_kept() {
    let odd = Span {
        parent_span_id: vec![1, 2],
        end_time_unix_nano: START - 1,
        kind: 99,
        status: Some(Status { code: 7, ..Default::default() }),
        dropped_events_count: 4,
        ..span(&[])
    };
    let mapped = map_one(odd);
    let rows = Rows::of(&mapped);
    assert_eq!(rows.get("duration_ns", 0), None);
    assert_eq!((rows.get("kind", 0), rows.get("status_code", 0).as_deref()), (None, Some("unset")));
    assert_eq!(
        rows.rest(0),
        pairs(&[("otel.dropped_events_count", "4"), ("otel.parent_span_id", "\"0102\"")])
    );
    assert_eq!(mapped.moved, [Moved { column: "parent_span_id".to_string(), count: 1 }]);
}

// breaks when a small body with a large resource becomes gigabytes of rows
#[test]
fn repeated_resources_are_bounded() {
    let spans = (0..600).map(|_| span(&[])).collect();
    let mapped = mapper().traces(traces(&[("big", text(&"x".repeat(1 << 20)))], spans));
    assert!((400..512).contains(&mapped.accepted), "{}", mapped.accepted);
    assert_eq!(mapped.accepted + mapped.rejected_total(), 600);
}

proptest! {
    // breaks when what the mapper learned from one request changes the rows of the next
    #[test]
    fn a_mapper_that_has_seen_much_maps_like_a_new_one(keys in prop::collection::vec("[a-c.]{1,3}", 0..12)) {
        let entries: Vec<(&str, Value)> = keys.iter().map(|key| (key.as_str(), Value::IntValue(1))).collect();
        let request = traces(&[], vec![span(&entries), span(&entries)]);
        let used = mapper();
        used.traces(traces(&[], vec![span(&[("a", text("x")), ("b.c", text("y")), ("c", text("z"))])]));
        let first = used.traces(request.clone());
        let again = used.traces(request.clone());
        let fresh = mapper().traces(request);
        prop_assert_eq!(&first.batches, &again.batches);
        prop_assert_eq!(&first.batches, &fresh.batches);
    }
}
