//! Bodies that are broken, hostile, or of another kind.

use proptest::prelude::*;

use super::*;
use crate::ErrorKind;

const TIME_REASON: &str = "sample: its time is not after 1970-01-01 and before 2262-04-11";

// breaks when one bad series or sample costs its neighbours, or is left out without being counted
#[test]
fn the_good_part_is_kept() {
    let good = series(&[("__name__", "up")]);
    let two = |pairs: &[(&str, &str)]| v1::TimeSeries { samples: vec![sample(1.0, 1); 2], ..series(pairs) };
    let none = v1::TimeSeries { samples: vec![], ..series(&[("x", "1")]) };
    let times = [0, -1, i64::MIN, i64::MAX, 9_223_372_036_855];
    let late = v1::TimeSeries {
        samples: times.into_iter().chain([9_223_372_036_854]).map(|time| sample(1.0, time)).collect(),
        ..good.clone()
    };
    let cases = [
        (two(&[("job", "a")]), "series: no label __name__", 2),
        (two(&[("__name__", ""), ("job", "a")]), "series: no label __name__", 2),
        (two(&[("__name__", "up"), ("", "a")]), "series: a label without a name", 2),
        (two(&[("__name__", "up"), ("a", "1"), ("b", "1"), ("a", "2")]), "series: a label comes twice", 2),
        (two(&[]), "series: no label __name__", 2),
        (none, "series: no label __name__", 1),
        (late, TIME_REASON, 5),
    ];
    for (bad, reason, count) in cases {
        let stored = 2 + bad.samples.len() as u64 - if bad.samples.is_empty() { 0 } else { count };
        let (mapped, written) = map_v1(vec![good.clone(), bad, good.clone()]);
        assert_eq!(rejected(&mapped), [(reason, count)]);
        assert_eq!((mapped.accepted, written.samples), (stored, stored), "{reason}");
    }
}

// breaks when a reference past the table panics, or takes more than its series or exemplar with it
#[test]
fn references_stay_within_the_symbols() {
    let mut request = V2::new();
    let series = || v2::TimeSeries { samples: vec![sample(1.0, TIME_MS)], ..Default::default() };
    for _ in 0..5 {
        request.push(&[("__name__", "up")], MetricType::Gauge, "", series());
    }
    request.timeseries[0].labels_refs = vec![1, u32::MAX];
    request.timeseries[1].labels_refs.push(2);
    request.timeseries[2].metadata = Some(v2::Metadata { r#type: 1, unit_ref: 77 });
    request.timeseries[3].exemplars =
        vec![v2::Exemplar { labels_refs: vec![99, 0], value: 1.0, timestamp: TIME_MS }];
    let (mapped, written) = map(RemoteWrite::V2, &request);
    let reasons = [
        ("series: a reference past the end of the symbols", 2),
        ("series: a label has a name and no value", 1),
        ("exemplar: a reference past the end of the symbols", 1),
    ];
    assert_eq!(rejected(&mapped), reasons);
    assert_eq!(written, RemoteWritten { samples: 2, ..Default::default() });
}

// breaks when a text that is not UTF-8 costs more than the series that use it
#[test]
fn bad_utf8_costs_its_series_alone() {
    let mut request = V2::new();
    for name in ["up", "BAD"] {
        let samples = vec![sample(1.0, TIME_MS), sample(2.0, TIME_MS)];
        let series = v2::TimeSeries { samples, ..Default::default() };
        request.push(&[("__name__", name)], MetricType::Gauge, "", series);
    }
    let v1 = V1 { timeseries: vec![series(&[("__name__", "up")]), series(&[("__name__", "BAD")])] };
    let cases = [
        (RemoteWrite::V2, request.encode_to_vec(), "series: a symbol is not UTF-8", 2),
        (RemoteWrite::V1, v1.encode_to_vec(), "series: Label.value: ", 1),
    ];
    for (version, mut body, reason, count) in cases {
        let place = body.windows(3).position(|bytes| bytes == b"BAD").expect("it is there");
        body[place] = 0xFF;
        let (mapped, written) = mapper().remote_write(version, &body).expect("one good series");
        assert_eq!(written.samples, count);
        let [(found, rejected)] = rejected(&mapped)[..] else { panic!("{:?}", mapped.rejected) };
        assert!(found.starts_with(reason), "{found}");
        assert_eq!(rejected, count);
    }
}

// breaks when a body of another kind is taken for an empty one, and thereby acknowledged
#[test]
fn a_body_of_another_kind_is_an_error() {
    let one = V1 { timeseries: vec![series(&[("__name__", "up")])] }.encode_to_vec();
    let mut request = V2::new();
    request.push(&[("__name__", "up")], MetricType::Gauge, "", v2::TimeSeries::default());
    let two = request.encode_to_vec();
    let cases = [
        (RemoteWrite::V1, &two[..], "body is no prometheus.WriteRequest: field 4 belongs to another message"),
        (
            RemoteWrite::V2,
            &one[..],
            "body is no io.prometheus.write.v2.Request: field 1 belongs to another message",
        ),
        (RemoteWrite::V1, &one[..one.len() - 1], "body is no prometheus.WriteRequest: broken at byte 0"),
        (RemoteWrite::V2, &two[..two.len() - 1], "body is no io.prometheus.write.v2.Request: broken at byte"),
        (RemoteWrite::V1, b"# HELP up\nup 1\n", "body is no prometheus.WriteRequest: broken at byte 0"),
    ];
    for (version, body, words) in cases {
        let error = mapper().remote_write(version, body).expect_err(words);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().starts_with(words), "{error}");
    }
    for version in RemoteWrite::ALL {
        let (mapped, written) = mapper().remote_write(version, b"").expect("an empty request");
        assert_eq!((mapped.accepted, mapped.rejected.len(), written), (0, 0, RemoteWritten::default()));
    }
    // version 1 sends metadata without samples: field 3
    let (mapped, _) = mapper().remote_write(RemoteWrite::V1, &[0x1A, 2, 8, 1]).expect("metadata alone");
    assert_eq!((mapped.accepted, mapped.rejected.len()), (0, 0));
}

// breaks when a small body with a table of symbols, or with many samples of one series, becomes gigabytes
#[test]
fn what_labels_repeat_is_bounded() {
    let reason = "request: its points with all their labels exceed 512 MiB: send smaller batches";
    let long = "x".repeat(10_000);
    let mut request = V2::new();
    for i in 0..100 {
        let series = v2::TimeSeries { samples: vec![sample(1.0, TIME_MS)], ..Default::default() };
        request.push(&[("__name__", &format!("m{i}")), ("long", &long)], MetricType::Gauge, "", series);
    }
    let mut many = series(&[("__name__", "up"), ("long", &long)]);
    many.samples = vec![sample(1.0, TIME_MS); 100];
    let wide = messages::Histogram {
        count: Some(Count::Integer(2)),
        positive_spans: [(0, 1), (60_000, 1)]
            .map(|(offset, length)| messages::BucketSpan { offset, length })
            .into(),
        positive_deltas: vec![1, 0],
        timestamp: TIME_MS,
        ..Default::default()
    };
    let histograms =
        v1::TimeSeries { histograms: vec![wide; 100], samples: vec![], ..series(&[("__name__", "up")]) };
    let bodies = [
        (RemoteWrite::V2, request.encode_to_vec(), 20..30),
        (RemoteWrite::V1, V1 { timeseries: vec![many] }.encode_to_vec(), 85..99),
        (RemoteWrite::V1, V1 { timeseries: vec![histograms] }.encode_to_vec(), 1..3),
    ];
    for (version, body, stored) in bodies {
        let mut series = SeriesSet::default();
        series.budget = Budget(1 << 20);
        match version {
            RemoteWrite::V1 => crate::prometheus::v1::read(&body, &mut series),
            RemoteWrite::V2 => crate::prometheus::v2::read(&body, &mut series),
        }
        .expect("a body of this version");
        let (request, rejects, _) = series.finish();
        let accepted = mapper().metrics(request).accepted;
        assert!(stored.contains(&accepted), "{accepted}");
        assert_eq!(rejects.0, [Rejected { reason: reason.to_owned(), count: 100 - accepted }]);
    }
}

fn damaged(body: &[u8], cut: prop::sample::Index, damage: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut body = body[..=cut.index(body.len())].to_vec();
    for (place, byte) in damage {
        let place = place.index(body.len());
        body[place] = *byte;
    }
    body
}

fn full_bodies() -> [Vec<u8>; 2] {
    let histogram = messages::Histogram {
        count: Some(Count::Integer(3)),
        positive_spans: vec![messages::BucketSpan { offset: 1, length: 2 }],
        positive_deltas: vec![1, 1],
        timestamp: TIME_MS,
        ..Default::default()
    };
    let one = v1::TimeSeries {
        histograms: vec![histogram.clone()],
        exemplars: vec![v1::Exemplar { labels: labels(&[("trace_id", "ab")]), value: 1.0, timestamp: 1 }],
        ..series(&[("__name__", "up"), ("job", "a/b")])
    };
    let mut request = V2::new();
    let exemplars = vec![v2::Exemplar { labels_refs: vec![1, 2], value: 1.0, timestamp: 1 }];
    let series = v2::TimeSeries {
        samples: vec![sample(1.0, TIME_MS)],
        histograms: vec![histogram],
        exemplars,
        ..Default::default()
    };
    request.push(&[("__name__", "up"), ("job", "a/b")], MetricType::Counter, "s", series);
    [V1 { timeseries: vec![one; 2] }.encode_to_vec(), request.encode_to_vec()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    // breaks when hostile bytes make the decoder or the mapping panic, or rows come from nowhere
    #[test]
    fn damaged_bodies_never_panic(
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mapper = mapper();
        for body in full_bodies().iter().map(|body| damaged(body, cut, &damage)).chain([noise]) {
            for version in RemoteWrite::ALL {
                if let Ok((mapped, written)) = mapper.remote_write(version, &body) {
                    let rows: usize = mapped.batches.iter().map(|(_, batch)| batch.num_rows()).sum();
                    prop_assert_eq!(mapped.accepted, rows as u64);
                    prop_assert_eq!(written.samples + written.histograms, mapped.accepted);
                }
            }
        }
    }
}
