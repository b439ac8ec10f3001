use opentelemetry_proto::tonic::{
    logs::v1::LogRecord,
    metrics::v1::{Gauge, Metric, NumberDataPoint, metric::Data},
};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::mapper::tests::build::{START, logs, metrics, span, traces};

// breaks when a body without a telling name is taken for another signal
#[test]
fn bodies_are_recognised_by_their_content() {
    let point = NumberDataPoint { time_unix_nano: START, ..Default::default() };
    let metric = |data| Metric { name: "requests".to_string(), data: Some(data), ..Default::default() };
    let record = LogRecord { time_unix_nano: START, ..Default::default() };
    let cases = [
        (traces(&[], vec![span(&[])]).encode_to_vec(), Some((Signal::Traces, Encoding::Protobuf))),
        (
            metrics(vec![metric(Data::Gauge(Gauge { data_points: vec![point] }))]).encode_to_vec(),
            Some((Signal::Metrics, Encoding::Protobuf)),
        ),
        (logs(vec![record]).encode_to_vec(), Some((Signal::Logs, Encoding::Protobuf))),
        (b"{\"resourceSpans\":[]}".to_vec(), Some((Signal::Traces, Encoding::Json))),
        (
            b"\xEF\xBB\xBF \n{ \"x\": [1, {}], \"resourceMetrics\": [".to_vec(),
            Some((Signal::Metrics, Encoding::Json)),
        ),
        (b"{\"resourceLogs\":[]}\n".to_vec(), Some((Signal::Logs, Encoding::Json))),
        (b"{\"resource_spans\":[]}".to_vec(), None),
        (b"[]".to_vec(), None),
        (b"time,value\n1,2\n".to_vec(), None),
        (b"PAR1 is another format".to_vec(), None),
        (b"{}".to_vec(), None),
        (b"".to_vec(), None),
    ];
    for (body, expected) in cases {
        assert_eq!(detect("body", &body), expected, "{}", String::from_utf8_lossy(&body));
    }
}

// breaks when an empty request, which is one of any signal, is refused although its name tells
#[test]
fn the_name_decides_where_the_body_leaves_it_open() {
    let cases = [
        ("out/04-metrics.binpb", &b""[..], Some((Signal::Metrics, Encoding::Protobuf))),
        ("Traces.JSON", b"{}", Some((Signal::Traces, Encoding::Json))),
        ("logs/x.binpb", b"", None),
        ("logs/x.binpb", b"\xFF\xFF", None),
    ];
    for (name, body, expected) in cases {
        assert_eq!(detect(name, body), expected, "{name}");
    }
}

proptest! {
    // breaks when looking at a body can panic
    #[test]
    fn any_bytes_can_be_looked_at(name in ".{0,12}", body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = detect(&name, &body);
    }
}
