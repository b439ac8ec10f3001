//! Evaluations that come with spans, as rows.

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    logs::v1::LogRecord,
    trace::v1::{Span, span::Event},
};

use super::build::*;
use crate::{Mapped, Moved};

/// The rows of a table.
fn rows_of<'a>(mapped: &'a Mapped, table: &str) -> Vec<Rows<'a>> {
    mapped.batches.iter().filter(|(name, _)| *name == table).map(|(_, rows)| Rows(rows)).collect()
}

fn annotated(field: &str, value: Value) -> Span {
    let key = format!("annotations.0.annotation.{field}");
    span(&[
        ("annotations.0.annotation.name", text("quality")),
        ("annotations.0.annotation.label", text("good")),
        (&key, value),
    ])
}

fn event(name: &str, entries: &[(&str, Value)]) -> Event {
    Event {
        name: name.to_string(),
        time_unix_nano: START,
        attributes: attributes(entries),
        ..Default::default()
    }
}

// breaks when a score is lost because it is a text or a boolean, or what is no number is lost without being counted
#[test]
fn scores_are_numbers_whatever_they_came_as() {
    let cases = [
        (Value::DoubleValue(0.5), Some("0.5"), 0),
        (Value::IntValue(2), Some("2.0"), 0),
        (text(" 0.9"), Some("0.9"), 0),
        (Value::BoolValue(true), Some("1.0"), 0),
        (Value::BoolValue(false), Some("0.0"), 0),
        (text("high"), None, 1),
        (text("NaN"), None, 1),
    ];
    let column = "gen_ai_evaluation_score_value";
    for (score, expected, moved) in cases {
        let mapped = mapper().traces(traces(&[], vec![annotated("score", score.clone())]));
        assert_eq!(rows_of(&mapped, "logs")[0].get(column, 0).as_deref(), expected, "{score:?}");
        let counted: Vec<_> = mapped.moved.iter().map(|moved| (moved.column.as_str(), moved.count)).collect();
        assert_eq!(counted, vec![(column, 1); moved], "{score:?}");
        for key in ["gen_ai.evaluation.score.value", "gen_ai.evaluation.score"] {
            let entries = [(key, score.clone())];
            let record =
                LogRecord { time_unix_nano: START, attributes: attributes(&entries), ..Default::default() };
            let mapped = mapper().logs(logs(vec![record]));
            assert_eq!(Rows::of(&mapped).get(column, 0).as_deref(), expected, "{key} {score:?}");
        }
    }
}

// breaks when what a column of an evaluation could not take is counted in the place of what one of the span could not
#[test]
fn moved_values_of_spans_and_evaluations_are_counted_together() {
    let mut span = annotated("score", text("high"));
    span.attributes.extend(attributes(&[
        ("gen_ai.usage.input_tokens", text("many")),
        ("session.id", Value::IntValue(7)),
    ]));
    let mapped = mapper().traces(traces(&[], vec![span]));
    let moved = |column: &str, count| Moved { column: column.to_string(), count };
    let expected = [
        moved("gen_ai_usage_input_tokens", 1),
        moved("session_id", 2),
        moved("gen_ai_evaluation_score_value", 1),
    ];
    let mut found = mapped.moved.clone();
    found.sort_by_key(|moved| expected.iter().position(|of| of == moved));
    assert_eq!(found, expected);
}

// breaks when a long explanation is not in its row, or is kept a second time
#[test]
fn a_long_explanation_is_in_its_row_alone() {
    let long = "because ".repeat(1_000);
    let of_event = Span {
        events: vec![event(
            "gen_ai.evaluation.result",
            &[("gen_ai.evaluation.name", text("quality")), ("gen_ai.evaluation.explanation", text(&long))],
        )],
        ..span(&[])
    };
    for span in [annotated("explanation", text(&long)), of_event] {
        let mapped = mapper().traces(traces(&[], vec![span]));
        let logs = &rows_of(&mapped, "logs")[0];
        assert_eq!(logs.get("gen_ai_evaluation_explanation", 0).as_deref(), Some(long.as_str()));
        assert!(rows_of(&mapped, "payloads").is_empty());
        let kept = format!("{:?}", mapped.batches);
        assert_eq!(kept.matches(&long).count(), 1);
        assert!(kept.contains("evaluations") && kept.contains("$payload"), "the span says where it is");
    }

    let record = LogRecord {
        time_unix_nano: START,
        event_name: "gen_ai.evaluation.result".to_string(),
        attributes: attributes(&[("gen_ai.evaluation.explanation", text(&long))]),
        ..Default::default()
    };
    let mapped = mapper().logs(logs(vec![record]));
    assert_eq!(Rows::of(&mapped).get("gen_ai_evaluation_explanation", 0), Some(long.clone()));
    assert_eq!(mapped.batches.len(), 1);

    // half an evaluation is none: its explanation is with its span
    let half = span(&[("annotations.0.annotation.explanation", text(&long))]);
    let mapped = mapper().traces(traces(&[], vec![half]));
    let [payloads] = &rows_of(&mapped, "payloads")[..] else { panic!("one batch") };
    assert_eq!(payloads.get("value", 0), Some(long));
}

// breaks when the kind of an annotator is compared as its client wrote it, or feedback with a span is none
#[test]
fn events_of_people_are_of_one_kind() {
    let kind = ("annotation.annotator_kind", text("Human"));
    let record = LogRecord {
        time_unix_nano: START,
        attributes: attributes(&[("event.name", text("gen_ai.evaluation.result")), kind]),
        ..Default::default()
    };
    let mapped = mapper().logs(logs(vec![record]));
    assert!(Rows::of(&mapped).rest(0).contains(&pairs(&[("annotation.annotator_kind", "\"HUMAN\"")])[0]));
    let feedback = Span {
        events: vec![event("gen_ai.evaluation.user_feedback", &[("gen_ai.evaluation.score", text("1"))])],
        ..span(&[])
    };
    let mapped = mapper().traces(traces(&[], vec![feedback]));
    let logs = &rows_of(&mapped, "logs")[0];
    let found = ["event_name", "gen_ai_evaluation_score_value"].map(|column| logs.get(column, 0).unwrap());
    assert_eq!(found, ["gen_ai.evaluation.user_feedback", "1.0"]);
}
