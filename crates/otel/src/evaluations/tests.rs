use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::LogRecord,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span,
        span::{Event, Link, SpanKind},
    },
};

use super::{ExportTraceServiceRequest, of, text};

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn string(key: &str, value: &str) -> KeyValue {
    attribute(key, AnyValue { value: Some(Value::StringValue(value.to_owned())) })
}

fn number(key: &str, value: f64) -> KeyValue {
    attribute(key, AnyValue { value: Some(Value::DoubleValue(value)) })
}

fn span(attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        start_time_unix_nano: 10,
        end_time_unix_nano: 20,
        attributes,
        ..Span::default()
    }
}

fn records(span: Span) -> Vec<LogRecord> {
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    let logs = of(&ExportTraceServiceRequest { resource_spans: vec![resource] }, |_| true);
    let scopes = logs.into_iter().flat_map(|logs| logs.resource_logs).flat_map(|group| group.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

/// The text of an attribute, or the debug form of another value.
fn value(record: &LogRecord, key: &str) -> String {
    let attribute = record.attributes.iter().find(|attribute| attribute.key == key);
    attribute
        .map(|found| text(found).map_or_else(|| format!("{:?}", found.value), str::to_owned))
        .unwrap_or_default()
}

// breaks when a field is lost or becomes another, or what was judged is mistaken
#[test]
fn annotations_are_about_their_subject() {
    let found = records(span(vec![
        string("session.id", "s"),
        string("openinference.span.kind", "CHAIN"),
        string("annotations.0.annotation.name", "hallucination"),
        number("annotations.0.annotation.score", 1.0),
        string("annotations.0.annotation.label", "hallucinated"),
        string("annotations.0.annotation.explanation", "because"),
        string("annotations.0.annotation.annotator_kind", "LLM"),
        string("annotations.0.annotation.identifier", "judge-v2"),
        string("trace.evaluations.3.evaluation.name", "quality"),
        string("trace.evaluations.3.evaluation.label", "good"),
        string("session.annotations.0.annotation.name", "coherence"),
        string("session.annotations.0.annotation.label", "coherent"),
    ]));
    let subjects: Vec<_> = found
        .iter()
        .map(|record| (record.trace_id.len(), record.span_id.len(), record.time_unix_nano))
        .collect();
    assert_eq!(subjects, [(16, 8, 20), (16, 0, 20), (0, 0, 20)]);
    let expected = [
        ("gen_ai.evaluation.name", "hallucination"),
        ("gen_ai.evaluation.score.value", "Some(AnyValue { value: Some(DoubleValue(1.0)) })"),
        ("gen_ai.evaluation.score.label", "hallucinated"),
        ("gen_ai.evaluation.explanation", "because"),
        ("annotation.annotator_kind", "LLM"),
        ("annotation.identifier", "judge-v2"),
        ("session.id", "s"),
    ];
    for (key, wanted) in expected {
        assert_eq!(value(&found[0], key), wanted, "{key}");
    }
    assert_eq!(value(&found[1], "gen_ai.evaluation.name"), "quality");
    assert_eq!(value(&found[2], "gen_ai.evaluation.score.label"), "coherent");
    assert!(found.iter().all(|record| record.event_name == "gen_ai.evaluation.result"));
}

// breaks when a result that comes in both words counts twice, two results count once, or half a result counts
#[test]
fn a_result_counts_once() {
    let both = |name: &str, other: &str| {
        records(span(vec![
            string("annotations.0.annotation.name", name),
            string("annotations.0.annotation.label", "x"),
            string("evaluations.0.evaluation.name", other),
            string("evaluations.0.evaluation.label", "x"),
        ]))
        .len()
    };
    assert_eq!((both("a", "a"), both("a", "b")), (1, 2));
    let results = |keys: &[(&str, &str)]| {
        let fields = keys.iter().flat_map(|(key, name)| {
            let form = if key.starts_with("annotations") { "annotation" } else { "evaluation" };
            [string(&format!("{key}.{form}.name"), name), string(&format!("{key}.{form}.label"), "x")]
        });
        let found = records(span(fields.collect()));
        found.iter().map(|record| value(record, "gen_ai.evaluation.name")).collect::<Vec<_>>()
    };
    assert_eq!(
        results(&[("annotations.0", "a"), ("annotations.1", "b"), ("evaluations.0", "b")]),
        ["a", "b"]
    );
    assert_eq!(results(&[("annotations.0", "a"), ("annotations.1", "a")]), ["a"]);
    let told_apart = records(span(vec![
        string("annotations.0.annotation.name", "a"),
        string("annotations.0.annotation.label", "x"),
        string("annotations.0.annotation.identifier", "first"),
        string("annotations.1.annotation.name", "a"),
        string("annotations.1.annotation.label", "x"),
        string("annotations.1.annotation.identifier", "second"),
    ]));
    assert_eq!(told_apart.len(), 2);
    let half = [
        vec![string("annotations.0.annotation.name", "a")],
        vec![string("annotations.0.annotation.label", "a")],
        vec![string("annotations.0.annotation.name", ""), string("annotations.0.annotation.label", "a")],
        vec![string("annotations.x.annotation.name", "a"), string("annotations.x.annotation.label", "a")],
        vec![string("annotations.0.evaluation.name", "a"), string("annotations.0.evaluation.label", "a")],
        vec![string("annotations", "a"), string("evaluations.", "a")],
    ];
    for attributes in half {
        assert_eq!(records(span(attributes.clone())), [], "{attributes:?}");
    }
}

// breaks when a judgement of an ended span is taken for one of the judge, or the other way round
#[test]
fn a_carrier_judges_what_it_is_linked_to() {
    let link = || Link { trace_id: vec![8; 16], span_id: vec![9; 8], ..Link::default() };
    let of_span = |key: &str, kind: &str, span_kind: SpanKind, links: Vec<Link>| {
        let mut span = span(vec![
            string(key, kind),
            string("evaluations.0.evaluation.name", "a"),
            string("evaluations.0.evaluation.label", "b"),
        ]);
        span.links = links;
        span.kind = span_kind as i32;
        records(span)[0].span_id[0]
    };
    let judged = |kind: &str, links| of_span("openinference.span.kind", kind, SpanKind::Internal, links);
    assert_eq!(judged("EVALUATOR", vec![link()]), 9);
    assert_eq!(judged("EVALUATOR", vec![]), 2);
    assert_eq!(judged("EVALUATOR", vec![link(), link()]), 2, "two links name no target");
    for work in ["LLM", "RERANKER"] {
        assert_eq!(judged(work, vec![link()]), 2, "a call may be linked to another");
    }
    for (key, kind, span_kind, id) in [
        ("other", "x", SpanKind::Unspecified, 9),
        ("other", "x", SpanKind::Consumer, 2),
        ("langfuse.observation.type", "evaluator", SpanKind::Consumer, 9),
        ("langfuse.observation.type", "generation", SpanKind::Internal, 2),
        ("llm.request.type", "chat", SpanKind::Internal, 2),
        ("traceloop.span.kind", "workflow", SpanKind::Internal, 2),
        ("ai.operationId", "ai.generateText", SpanKind::Internal, 2),
        ("gen_ai.operation.name", "chat", SpanKind::Internal, 2),
    ] {
        assert_eq!(of_span(key, kind, span_kind, vec![link()]), id, "{key} {kind}");
    }
    let mut span = span(vec![]);
    span.links = vec![link()];
    span.events = vec![Event { name: "gen_ai.evaluation.result".to_owned(), ..Event::default() }];
    assert_eq!(records(span)[0].span_id[0], 2, "an event is about the span that has it");
}

// breaks when the conventions' own event is lost because it came with a span
#[test]
fn events_of_spans_are_evaluations() {
    let event = |time: u64, name: &str| Event {
        time_unix_nano: time,
        name: name.to_owned(),
        attributes: vec![string("gen_ai.evaluation.name", "relevance")],
        ..Event::default()
    };
    let mut span = span(vec![]);
    let result = "gen_ai.evaluation.result";
    span.events = vec![
        event(15, result),
        event(0, result),
        event(16, "other"),
        event(u64::MAX, result),
        event(17, "gen_ai.evaluation.user_feedback"),
    ];
    let found = records(span);
    let times: Vec<_> = found.iter().map(|record| record.time_unix_nano).collect();
    assert_eq!(times, [15, 20, 20, 17], "one without a time that a row can have is known when the span ends");
    assert_eq!(found[3].event_name, "gen_ai.evaluation.user_feedback");
    assert_eq!(value(&found[0], "gen_ai.evaluation.name"), "relevance");
}

// breaks when one kind of annotator is two because clients write it differently
#[test]
fn kinds_of_annotators_are_in_upper_case() {
    let found = records(span(vec![
        string("annotations.0.annotation.name", "a"),
        string("annotations.0.annotation.label", "good"),
        string("annotations.0.annotation.annotator_kind", "human"),
    ]));
    assert_eq!(value(&found[0], "annotation.annotator_kind"), "HUMAN");
}
