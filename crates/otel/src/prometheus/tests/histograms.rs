//! Native histograms.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type};

use super::*;
use messages::{BucketSpan, Histogram, ResetHint};

/// Positive buckets 0, 1 and 4 with counts 1, 3, 2; negative ones -3 with 4; zero bucket 5.
fn integers() -> Histogram {
    Histogram {
        count: Some(Count::Integer(15)),
        sum: 18.4,
        schema: 1,
        zero_threshold: 0.001,
        zero_count: Some(ZeroCount::Integer(5)),
        positive_spans: spans(&[(0, 2), (2, 1)]),
        positive_deltas: vec![1, 2, -1],
        negative_spans: spans(&[(-3, 1)]),
        negative_deltas: vec![4],
        timestamp: TIME_MS,
        ..Default::default()
    }
}

/// The same in floats.
fn floats() -> Histogram {
    Histogram {
        count: Some(Count::Float(15.0)),
        zero_count: Some(ZeroCount::Float(5.0)),
        positive_deltas: vec![],
        positive_counts: vec![1.0, 3.0, 2.0],
        negative_deltas: vec![],
        negative_counts: vec![4.0],
        ..integers()
    }
}

/// Bounds 0.5, 1, 2; up to 0.5: 2, up to 2: 1, above: 3.
fn custom() -> Histogram {
    Histogram {
        count: Some(Count::Integer(6)),
        sum: 20.0,
        schema: -53,
        positive_spans: spans(&[(0, 1), (1, 2)]),
        positive_deltas: vec![2, -1, 2],
        custom_values: vec![0.5, 1.0, 2.0],
        timestamp: TIME_MS,
        ..Default::default()
    }
}

fn spans(spans: &[(i32, u32)]) -> Vec<BucketSpan> {
    spans.iter().map(|(offset, length)| BucketSpan { offset: *offset, length: *length }).collect()
}

fn series_of(histograms: Vec<Histogram>) -> v1::TimeSeries {
    v1::TimeSeries {
        labels: labels(&[("__name__", "latency"), ("job", "shop"), ("path", "/a")]),
        histograms,
        ..Default::default()
    }
}

fn integers_in(column: &dyn Array, row: usize) -> Vec<i64> {
    column.as_list::<i32>().value(row).as_primitive::<Int64Type>().values().to_vec()
}

/// scale, zero count, zero threshold; offset and counts of the positive and the negative side
type Distribution = (i32, i64, f64, (i32, Vec<i64>), (i32, Vec<i64>));

fn distribution(rows: &Rows<'_>, row: usize) -> Distribution {
    let structs = rows.column("distribution").expect("a distribution").as_struct();
    assert!(structs.is_valid(row));
    let int = |column: usize| structs.column(column).as_primitive::<Int32Type>().value(row);
    (
        int(0),
        structs.column(1).as_primitive::<Int64Type>().value(row),
        structs.column(2).as_primitive::<Float64Type>().value(row),
        (int(3), integers_in(structs.column(4), row)),
        (int(5), integers_in(structs.column(6), row)),
    )
}

// breaks when a bucket moves by one, a gap between spans closes, a delta is taken for a count, or float histograms of whole counts are lost
#[test]
fn spans_become_dense_buckets() {
    let (mapped, written) = map_v1(vec![series_of(vec![integers(), floats()])]);
    assert_eq!((written.histograms, written.samples, rejected(&mapped)), (2, 0, vec![]));
    let rows = Rows::of(&mapped);
    for row in [0, 1] {
        let columns = ["kind", "count", "sum", "temporality", "service_name", "time", "start_time"];
        let expected = ["exponential_histogram", "15", "18.4", "cumulative", "shop", TIME_NS, "NULL"];
        assert_eq!(values(&rows, row, columns), texts(expected));
        // the first bucket of Prometheus, index 0, ends at 1; that of OpenTelemetry, index -1, does
        let expected = (1, 5, 0.001, (-1, vec![1, 3, 0, 0, 2]), (-4, vec![4]));
        assert_eq!(distribution(&rows, row), expected);
        assert_eq!(rows.rest(row), pairs(&[("path", "\"/a\"")]));
    }
    assert_eq!(rows.get("series_id", 0), rows.get("series_id", 1));
}

// breaks when a bucket of the one layout is not that of the other: the bounds, by the formula of each
#[test]
fn a_bucket_has_the_same_bounds_in_both_layouts() {
    for schema in -4..=8 {
        for index in [-700_i32, -1, 0, 1, 2, 63] {
            let base = |exponent: i32| (f64::from(exponent) * 2_f64.powi(-schema)).exp2();
            let one = Histogram {
                count: Some(Count::Integer(1)),
                schema,
                positive_spans: spans(&[(index, 1)]),
                positive_deltas: vec![1],
                timestamp: TIME_MS,
                ..Default::default()
            };
            let (mapped, _) = map_v1(vec![series_of(vec![one])]);
            let (scale, _, _, (offset, counts), _) = distribution(&Rows::of(&mapped), 0);
            assert_eq!((scale, counts), (schema, vec![1]));
            // Prometheus: up to base^index; OpenTelemetry: up to base^(offset + 1)
            assert_eq!(base(offset + 1).to_bits(), base(index).to_bits(), "{schema} {index}");
        }
    }
}

// breaks when spans without buckets, which are allowed, move or lose buckets
#[test]
fn empty_spans_only_move_what_follows() {
    type Case<'a> = (&'a [(i32, u32)], (i32, Vec<i64>));
    let layouts: [Case<'_>; 4] = [
        (&[(-5, 0), (3, 2), (0, 1)], (-3, vec![1, 3, 2])),
        (&[(0, 2), (1, 0), (1, 1), (7, 0)], (-1, vec![1, 3, 0, 0, 2])),
        (&[(0, 3)], (-1, vec![1, 3, 2])),
        (&[(i32::MAX, 1), (0, 2)], (i32::MAX - 1, vec![1, 3, 2])),
    ];
    for (layout, expected) in layouts {
        let one = Histogram { positive_spans: spans(layout), ..integers() };
        let (mapped, _) = map_v1(vec![series_of(vec![one])]);
        assert_eq!(rejected(&mapped), []);
        assert_eq!(distribution(&Rows::of(&mapped), 0).3, expected, "{layout:?}");
    }
    let none = Histogram { positive_spans: spans(&[(4, 0)]), positive_deltas: vec![], ..integers() };
    let (mapped, _) = map_v1(vec![series_of(vec![none])]);
    assert_eq!(distribution(&Rows::of(&mapped), 0).3, (0, vec![]));
}

// breaks when custom bounds are lost or their counts are shifted
#[test]
fn custom_buckets_are_explicit_bounds() {
    let float = Histogram {
        count: Some(Count::Float(6.0)),
        positive_deltas: vec![],
        positive_counts: vec![2.0, 1.0, 3.0],
        ..custom()
    };
    let (mapped, written) = map_v1(vec![series_of(vec![custom(), float])]);
    assert_eq!((written.histograms, rejected(&mapped)), (2, vec![]));
    let rows = Rows::of(&mapped);
    for row in [0, 1] {
        let columns = ["kind", "count", "sum", "temporality"];
        assert_eq!(values(&rows, row, columns), texts(["histogram", "6", "20.0", "cumulative"]));
        let bounds = rows.column("bounds").expect("bounds").as_list::<i32>().value(row);
        assert_eq!(bounds.as_primitive::<Float64Type>().values(), &[0.5, 1.0, 2.0]);
        assert_eq!(integers_in(rows.column("bucket_counts").expect("counts"), row), [2, 0, 1, 3]);
    }
}

// breaks when the end of a series of histograms is taken for an empty histogram
#[test]
fn a_stale_histogram_has_no_values() {
    let stale =
        |schema| Histogram { sum: f64::from_bits(STALE), schema, timestamp: TIME_MS, ..Default::default() };
    let (mapped, written) = map_v1(vec![series_of(vec![stale(0), stale(-53)])]);
    assert_eq!((written.histograms, rejected(&mapped)), (2, vec![]));
    let rows = Rows::of(&mapped);
    for (row, kind) in ["exponential_histogram", "histogram"].into_iter().enumerate() {
        assert_eq!(values(&rows, row, ["kind", "count", "sum"]), texts([kind, "NULL", "NULL"]));
    }
}

// breaks when a histogram that goes up and down is said to add up, or the metadata of version 2 does not reach histograms
#[test]
fn gauge_histograms_say_no_temporality() {
    let gauge = Histogram { reset_hint: ResetHint::Gauge as i32, ..integers() };
    let (mapped, _) = map_v1(vec![series_of(vec![gauge, integers()])]);
    let rows = Rows::of(&mapped);
    assert_eq!([0, 1].map(|row| rows.get("temporality", row)), texts(["NULL", "cumulative"]));

    let mut request = V2::new();
    for kind in [MetricType::GaugeHistogram, MetricType::Histogram] {
        let later = Histogram { start_timestamp: 1_699_999_999_000, ..integers() };
        let series = v2::TimeSeries { histograms: vec![later], created_timestamp: 7, ..Default::default() };
        request.push(&[("__name__", "latency")], kind, "seconds", series);
    }
    let (mapped, _) = map(RemoteWrite::V2, &request);
    let rows = Rows::of(&mapped);
    assert_eq!([0, 1].map(|row| rows.get("temporality", row)), texts(["NULL", "cumulative"]));
    for row in [0, 1] {
        assert_eq!(values(&rows, row, ["unit", "start_time"]), texts(["seconds", "1699999999000000000"]));
    }
}

// breaks when what cannot be said exactly is rounded, or takes the histogram beside it along
#[test]
fn what_cannot_be_said_exactly_is_left_out() {
    let fraction = "histogram: a count has a fraction, or is below zero or above 2^63 - 1";
    let mixed = "histogram: integer and float counts are mixed";
    let unequal = "histogram: the spans do not add up to its buckets";
    let schema = "histogram: its schema is neither -4 to 8 nor -53";
    let cases = [
        (Histogram { positive_counts: vec![1.0, 2.5, 2.0], ..floats() }, fraction),
        (Histogram { count: Some(Count::Float(1e19)), ..floats() }, fraction),
        (Histogram { count: Some(Count::Float(-1.0)), ..floats() }, fraction),
        (Histogram { count: Some(Count::Float(f64::NAN)), ..floats() }, fraction),
        (Histogram { zero_count: Some(ZeroCount::Float(0.5)), ..floats() }, fraction),
        (Histogram { positive_counts: vec![1.0, 3.0, 2.0], ..integers() }, mixed),
        (Histogram { positive_deltas: vec![1, 2, -1], ..floats() }, mixed),
        (Histogram { zero_count: Some(ZeroCount::Float(2.0)), ..integers() }, mixed),
        (Histogram { zero_count: Some(ZeroCount::Integer(2)), ..floats() }, mixed),
        (Histogram { count: None, ..integers() }, "histogram: no count"),
        (Histogram { positive_deltas: vec![1, 2], ..integers() }, unequal),
        (Histogram { positive_spans: spans(&[(0, 2), (-1, 1)]), ..integers() }, unequal),
        (Histogram { positive_spans: spans(&[(0, u32::MAX), (2, u32::MAX)]), ..integers() }, unequal),
        (Histogram { positive_spans: spans(&[(i32::MIN, 3)]), ..integers() }, unequal),
        (
            Histogram { positive_deltas: vec![1, -2, 3], ..integers() },
            "histogram: a bucket count is below zero",
        ),
        (
            Histogram { positive_deltas: vec![i64::MAX, i64::MAX, 0], ..integers() },
            "histogram: a bucket count is above 2^63 - 1",
        ),
        (
            Histogram { positive_spans: spans(&[(0, 2), (1 << 30, 1)]), ..integers() },
            "histogram: from the first to the last bucket there are more than 65,536",
        ),
        (Histogram { schema: 9, ..integers() }, schema),
        (Histogram { schema: -5, ..integers() }, schema),
        (
            Histogram { positive_spans: spans(&[(0, 1), (2, 2)]), ..custom() },
            "histogram: a bucket lies past the last of its bounds",
        ),
        (Histogram { positive_spans: spans(&[(-1, 3)]), ..custom() }, unequal),
        (
            Histogram { zero_count: Some(ZeroCount::Integer(1)), ..custom() },
            "histogram: custom buckets have neither a zero bucket nor negative ones",
        ),
        (
            Histogram { custom_values: vec![0.5, 0.5, 2.0], ..custom() },
            "data point: the bounds of a histogram must ascend",
        ),
        (
            Histogram { timestamp: 0, ..integers() },
            "sample: its time is not after 1970-01-01 and before 2262-04-11",
        ),
    ];
    for (bad, reason) in cases {
        let (mapped, written) = map_v1(vec![series_of(vec![bad.clone(), integers()])]);
        assert_eq!(rejected(&mapped), [(reason, 1)], "{bad:?}");
        assert_eq!((mapped.accepted, written.histograms), (1, 1), "{bad:?}");
    }
}
