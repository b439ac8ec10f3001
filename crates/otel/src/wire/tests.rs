use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    metrics::v1::{Gauge, Metric, NumberDataPoint, metric::Data},
    trace::v1::Span,
};
use proptest::prelude::*;

use super::*;
use crate::{
    Encoding, ErrorKind, Rejected, Signal,
    mapper::tests::{
        build::{Rows, START, mapper, metrics, span, text, traces},
        clients::bodies,
    },
};

/// The body with every occurrence of `from` replaced by as many other bytes.
fn replaced(body: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut body = body;
    let mut i = 0;
    while i + from.len() <= body.len() {
        if body[i..].starts_with(from) {
            body[i..i + to.len()].copy_from_slice(to);
        }
        i += 1;
    }
    body
}

// breaks when one name that is not UTF-8 costs a client its whole request
#[test]
fn good_items_survive_a_bad_neighbour() {
    let bad = Span { name: "BADNAME".to_string(), ..span(&[]) };
    let body = traces(&[("service.name", text("shop"))], vec![span(&[]), bad, span(&[])]).encode_to_vec();
    let body = replaced(body, b"BADNAME", b"\xFF\xFFDNAME");
    assert!(ExportTraceServiceRequest::decode(&body[..]).is_err());
    let mapped = mapper().decode(Signal::Traces, Encoding::Protobuf, &body).expect("two good spans");
    assert_eq!(mapped.accepted, 2);
    assert_eq!(Rows::of(&mapped).get("service_name", 1).as_deref(), Some("shop"));
    let reason = "span: Span.name: invalid string value: data is not UTF-8 encoded".to_string();
    assert_eq!(mapped.rejected, [Rejected { reason, count: 1 }]);
}

// breaks when the points of a metric that cannot be decoded are counted as one
#[test]
fn a_bad_metric_counts_its_points() {
    let points =
        |count: usize| vec![NumberDataPoint { time_unix_nano: START, flags: 1, ..Default::default() }; count];
    let metric = |name: &str, count| Metric {
        name: name.to_string(),
        data: Some(Data::Gauge(Gauge { data_points: points(count) })),
        ..Default::default()
    };
    let body = metrics(vec![metric("good", 2), metric("BADNAME", 3)]).encode_to_vec();
    let mapped = mapper()
        .decode(Signal::Metrics, Encoding::Protobuf, &replaced(body, b"BADNAME", b"\xFF\xFFDNAME"))
        .expect("one good metric");
    assert_eq!((mapped.accepted, mapped.rejected_total()), (2, 3));
}

// breaks when rows appear under no resource because theirs could not be read
#[test]
fn a_bad_resource_rejects_its_items() {
    let mut request = traces(&[("service.name", text("BADNAME"))], vec![span(&[]), span(&[])]);
    request.resource_spans.extend(traces(&[], vec![span(&[])]).resource_spans);
    let body = replaced(request.encode_to_vec(), b"BADNAME", b"\xFF\xFFDNAME");
    let mapped = mapper().decode(Signal::Traces, Encoding::Protobuf, &body).expect("one good group");
    assert_eq!((mapped.accepted, mapped.rejected_total()), (1, 2));
    assert!(mapped.rejected[0].reason.starts_with("resource: "), "{:?}", mapped.rejected);
}

// breaks when a body that is no OTLP is accepted, or the error does not say where it ends
#[test]
fn a_body_that_is_no_otlp_is_an_error() {
    let whole = traces(&[], vec![span(&[])]).encode_to_vec();
    let cases = [
        (&whole[..whole.len() - 3], "body is no OTLP traces request in protobuf: "),
        (b"\x1F\x8B\x08 gzip", "body is no OTLP traces request in protobuf: "),
        (b"time,value\n1,2\n", "body is no OTLP traces request in protobuf: "),
    ];
    for (body, expected) in cases {
        let error = mapper().decode(Signal::Traces, Encoding::Protobuf, body).expect_err("not OTLP");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let message = error.to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    let error =
        mapper().decode(Signal::Traces, Encoding::Protobuf, &whole[..whole.len() - 3]).expect_err("cut");
    assert!(error.to_string().ends_with("(byte 0)"), "{error}");
}

// breaks when an empty request, which clients send, is an error
#[test]
fn an_empty_request_is_no_error() {
    for signal in Signal::ALL {
        let mapped = mapper().decode(signal, Encoding::Protobuf, b"").expect("an empty request");
        assert_eq!((mapped.accepted, mapped.rejected_total(), mapped.batches.len()), (0, 0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // breaks when hostile bytes make the decoder or the mapping panic
    #[test]
    fn random_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let mapper = mapper();
        for signal in Signal::ALL {
            let _ = mapper.decode(signal, Encoding::Protobuf, &body);
        }
    }

    // breaks when a real body, damaged anywhere, makes the decoder or the mapping panic, or rows come from nowhere
    #[test]
    fn damaged_bodies_never_panic(
        body in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let bodies = bodies();
        let (_, body) = body.get(&bodies);
        let mut body = body[..=cut.index(body.len())].to_vec();
        for (place, byte) in damage {
            let place = place.index(body.len());
            body[place] = byte;
        }
        let mapper = mapper();
        for signal in Signal::ALL {
            for encoding in [Encoding::Protobuf, Encoding::Json] {
                if let Ok(mapped) = mapper.decode(signal, encoding, &body) {
                    // behind the items' own rows are those of payloads and evaluations
                    let rows = mapped.batches.first().map_or(0, |(_, batch)| batch.num_rows());
                    prop_assert_eq!(mapped.accepted, rows as u64);
                }
            }
        }
    }
}
