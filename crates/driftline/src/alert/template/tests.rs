//! Texts, and what they become.

use std::collections::BTreeMap;

use super::{Template, Values};
use crate::alert::Labels;

fn rendered(text: &str, value: Option<f64>) -> String {
    let labels: Labels = [("model", "small"), ("share", "0.25")].into_iter().collect();
    let columns = BTreeMap::from([("left".to_owned(), "93784.5".to_owned())]);
    Template::parse(text).expect("it is a template").render(Values {
        labels: &labels,
        value,
        columns: &columns,
    })
}

#[test]
fn values_are_shown_as_asked() {
    let table = [
        ("no value", None, "no value"),
        ("{{$value}} of {{ $labels.model }}", Some(0.25), "0.25 of small"),
        ("{{ $value }}", None, ""),
        ("{{ $labels.other }}.", Some(1.0), "."),
        ("{{ $value | humanizePercentage }}", Some(0.123_456), "12.35%"),
        ("{{ $labels.share | humanizePercentage }}", None, "25%"),
        ("{{ $labels.model | humanize }}", None, "small"),
        ("{{ $value | humanize }}", Some(1_234_567.0), "1.235M"),
        ("{{ $value | humanize }}", Some(0.0), "0"),
        ("{{ $value | humanize }}", Some(-0.004_2), "-4.2m"),
        ("{{ $value | humanize }}", Some(14.4), "14.4"),
        ("{{ $value }}", Some(1e300), "1e300"),
        ("{{ $value | humanize }}", Some(1e-300), "1.000e-300"),
        ("{{ $columns.left | humanizeDuration }}", None, "1d 2h 3m 4s"),
        ("{{ $value | humanizeDuration }}", Some(2.5), "2.5s"),
    ];
    for (text, value, expected) in table {
        assert_eq!(rendered(text, value), expected, "{text}");
    }
}

#[test]
fn what_is_no_template_says_what_is() {
    for text in ["{{ value }}", "{{ $labels }}", "{{ $labels. }}", "{{ $value | printf }}", "{{ }}"] {
        let error = Template::parse(text).expect_err(text).to_string();
        assert!(error.contains("$columns.name"), "{error}");
    }
    assert!(Template::parse("{{ $value").expect_err("it is open").to_string().contains("without"));
}
