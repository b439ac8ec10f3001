//! Labels, values, times, kinds, exemplars.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};

use super::*;
use crate::mapper::tests::build::map_entries;

// breaks when a label is lost, in the wrong place, or the resource of a series is not told from another
#[test]
fn labels_are_names_resources_and_attributes() {
    let cases: [(&str, &str, Option<&str>); 5] = [
        ("shop", "shop", None),
        ("prod/shop", "shop", Some("prod")),
        ("prod/shop/0", "prod/shop/0", None),
        ("/shop", "/shop", None),
        ("prod/", "prod/", None),
    ];
    for (job, service, namespace) in cases {
        let one = series(&[
            ("__name__", "up"),
            ("zone", "b"),
            ("instance", "host:9090"),
            ("job", job),
            ("service.name", "own"),
            ("nothing", ""),
        ]);
        let (mapped, written) = map_v1(vec![one]);
        assert_eq!((mapped.accepted, written.samples, rejected(&mapped)), (1, 1, vec![]));
        let rows = Rows::of(&mapped);
        let columns = ["name", "kind", "value", "time", "start_time", "unit", "temporality"];
        let expected = ["up", "gauge", "1.0", TIME_NS, "NULL", "NULL", "NULL"];
        assert_eq!(values(&rows, 0, columns), texts(expected));
        let columns = ["service_name", "resource_service_namespace", "resource_service_instance_id"];
        let expected = [service, namespace.unwrap_or("NULL"), "host:9090"];
        assert_eq!(values(&rows, 0, columns), texts(expected), "{job}");
        assert_eq!(rows.rest(0), pairs(&[("service.name", "\"own\""), ("zone", "\"b\"")]));
    }
}

// breaks when series of two targets fall into one, or one series gets two ids by the order of its labels
#[test]
fn a_series_is_its_labels() {
    let one = [("__name__", "up"), ("job", "a"), ("x", "1")];
    let other = [("x", "1"), ("job", "a"), ("__name__", "up")];
    let elsewhere = [("__name__", "up"), ("job", "b"), ("x", "1")];
    let (mapped, _) = map_v1(vec![series(&one), series(&elsewhere), series(&other)]);
    let rows = Rows::of(&mapped);
    // rows come in the order of resources
    let ids: Vec<_> = (0..3).map(|row| values(&rows, row, ["service_name", "series_id"])).collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[2][0].as_deref(), Some("b"));
    assert_ne!(ids[0][1], ids[2][1]);
}

// breaks when the end of a series is taken for a value, an ordinary NaN for its end, or a point is dropped for its order
#[test]
fn staleness_is_no_value_and_nan_is_one() {
    let mut one = series(&[("__name__", "up")]);
    let values = [1.0, f64::from_bits(STALE), f64::NAN, f64::INFINITY, 0.0, 2.0, 2.0];
    let times = [5, 4, 3, 2, 1, 9, 9];
    one.samples = values.into_iter().zip(times).map(|(value, time)| sample(value, time)).collect();
    let (mapped, written) = map_v1(vec![one]);
    assert_eq!((mapped.accepted, written.samples), (7, 7));
    let rows = Rows::of(&mapped);
    let found: Vec<_> = (0..7).map(|row| rows.get("value", row)).collect();
    assert_eq!(found, texts(["1.0", "NULL", "NaN", "inf", "0.0", "2.0", "2.0"]));
    assert_eq!(rows.get("time", 0).as_deref(), Some("5000000"));
}

// breaks when the metadata of version 2 is not heeded: kind, monotonicity, unit, start
#[test]
fn kinds_units_and_starts_are_those_of_the_metadata() {
    let gauge = ["gauge", "NULL", "NULL", "NULL"];
    let counter = ["sum", "cumulative", "true", "1699999999000000000"];
    let cases = [
        ("requests_total", MetricType::Counter, counter),
        ("temperature", MetricType::Gauge, gauge),
        ("anything", MetricType::Unspecified, gauge),
        ("build_info", MetricType::Info, gauge),
        ("state", MetricType::StateSet, gauge),
        ("latency_bucket", MetricType::Histogram, counter),
        ("latency_sum", MetricType::Histogram, counter),
        ("latency_count", MetricType::Histogram, counter),
        ("latency_created", MetricType::Histogram, gauge),
        ("latency_sum", MetricType::Summary, counter),
        ("latency", MetricType::Summary, gauge),
        ("size_bucket", MetricType::GaugeHistogram, gauge),
    ];
    let start = 1_699_999_999_000;
    for is_on_series in [true, false] {
        let mut request = V2::new();
        for (name, kind, _) in cases {
            let (created_timestamp, start_timestamp) = if is_on_series { (start, 0) } else { (7, start) };
            let samples = vec![Sample { value: 3.0, timestamp: TIME_MS, start_timestamp }];
            let series = v2::TimeSeries { samples, created_timestamp, ..Default::default() };
            request.push(&[("__name__", name), ("of", &format!("{kind:?}"))], kind, "seconds", series);
        }
        let (mapped, written) = map(RemoteWrite::V2, &request);
        assert_eq!((written.samples, rejected(&mapped)), (12, vec![]));
        let rows = Rows::of(&mapped);
        for (row, (name, kind, [shape, temporality, is_monotonic, start])) in cases.into_iter().enumerate() {
            let columns = ["name", "unit", "value", "kind", "temporality", "is_monotonic", "start_time"];
            let expected = [name, "seconds", "3.0", shape, temporality, is_monotonic, start];
            assert_eq!(values(&rows, row, columns), texts(expected), "{kind:?}");
        }
    }
}

// breaks when a number in place of a kind that is not known yet costs the sample
#[test]
fn an_unknown_kind_is_a_gauge() {
    let mut request = V2::new();
    let series = v2::TimeSeries { samples: vec![sample(1.0, TIME_MS)], ..Default::default() };
    request.push(&[("__name__", "up")], MetricType::Counter, "", series);
    request.timeseries[0].metadata = Some(v2::Metadata { r#type: 99, unit_ref: 0 });
    request.timeseries.push(v2::TimeSeries { metadata: None, ..request.timeseries[0].clone() });
    let (mapped, _) = map(RemoteWrite::V2, &request);
    let rows = Rows::of(&mapped);
    assert_eq!([0, 1].map(|row| rows.get("kind", row).unwrap()), ["gauge", "gauge"]);
}

// breaks when an exemplar goes to another sample than the one that was scraped with it, loses a label, or is lost unseen
#[test]
fn exemplars_go_to_the_sample_that_found_them() {
    let name = [("__name__", "requests_total")];
    let trace = "5b8efff798038103d269b633813fc60c";
    let exemplar =
        |pairs: &[(&str, &str)], value, timestamp| v1::Exemplar { labels: labels(pairs), value, timestamp };
    let only = |exemplars| v1::TimeSeries { labels: labels(&name), exemplars, ..Default::default() };
    let mut later = series(&name);
    later.samples = vec![sample(2.0, 200), sample(f64::from_bits(STALE), 300)];
    let mut first = series(&name);
    first.samples = vec![sample(1.0, 100)];
    let stray = v1::TimeSeries {
        labels: labels(&[("__name__", "other")]),
        exemplars: vec![exemplar(&[], 1.0, 1), exemplar(&[], 1.0, 2)],
        ..Default::default()
    };
    let (mapped, written) = map_v1(vec![
        only(vec![exemplar(&[("trace_id", trace), ("span_id", "EEE19B7EC3C1B174")], 0.5, 150)]),
        later,
        only(vec![exemplar(&[("trace_id", "short"), ("user", "u1")], 0.25, 100)]),
        first,
        only(vec![exemplar(&[("span_id", "0000000000000000")], 9.0, 900), exemplar(&[("", "x")], 1.0, 1)]),
        stray,
    ]);
    assert_eq!(written, RemoteWritten { samples: 3, histograms: 0, exemplars: 3, stray_exemplars: 2 });
    let reasons =
        [("exemplar: a label without a name", 1), ("exemplar: the request has no sample of its series", 2)];
    assert_eq!(rejected(&mapped), reasons);
    let rows = Rows::of(&mapped);
    let lists = rows.column("exemplars").expect("exemplars were sent").as_list::<i32>();
    let found: Vec<_> = (0..3).map(|row| lists.value(row)).collect();
    assert_eq!(found.iter().map(|list| list.len()).collect::<Vec<_>>(), [2, 0, 1]);
    let [of_later, of_first] = [&found[0], &found[2]].map(|list| list.as_struct().clone());
    let text = |column: usize, row: usize| {
        let column = of_later.column(column).as_string::<i32>().clone();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    assert_eq!([text(2, 0), text(3, 0)], texts([trace, "eee19b7ec3c1b174"]));
    assert_eq!([text(2, 1), text(3, 1)], [None, None]);
    assert_eq!(
        of_later.column(0).as_primitive::<TimestampNanosecondType>().values(),
        &[150_000_000, 900_000_000]
    );
    assert_eq!(of_first.column(1).as_primitive::<Float64Type>().values(), &[0.25]);
    assert_eq!(map_entries(Some(of_later.column(4)), 1), pairs(&[("span_id", "\"0000000000000000\"")]));
    let kept = pairs(&[("trace_id", "\"short\""), ("user", "\"u1\"")]);
    assert_eq!(map_entries(Some(of_first.column(4)), 0), kept);
}
