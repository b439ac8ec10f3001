use super::{QUANTILE, Times, WEEK_NS, Windows, quantile};

const HOUR_NS: i64 = 3_600_000_000_000;

fn windows(reference: (i64, i64), current: (i64, i64)) -> Windows {
    let times = |(first, last)| Times { first, last };
    Windows::within([times(reference), times(current)])
}

// breaks when: windows leave their weekday, overlap, or reach behind the first row of the reference
#[test]
fn windows_step_back_by_whole_weeks() {
    let first = 30 * WEEK_NS;
    // (span, first of the reference, steps in weeks, windows)
    let cases = [
        (HOUR_NS, first - 3 * WEEK_NS, 1, 3),
        (HOUR_NS, first - 3 * WEEK_NS + 1, 1, 2),
        (0, first - WEEK_NS, 1, 1),
        (WEEK_NS - 1, first - 10 * WEEK_NS, 1, 10),
        (WEEK_NS, first - 10 * WEEK_NS, 2, 5),
        (HOUR_NS, first + 1, 1, 0),
        (HOUR_NS, i64::MIN, 1, 52),
    ];
    for (span, reference, weeks, count) in cases {
        let found = windows((reference, first), (first, first + span));
        assert_eq!((found.step / WEEK_NS, found.count), (weeks, count), "span {span} after {reference}");
    }
}

// breaks when: the quantile is not numpy's default
#[test]
fn quantile_is_of_type_7() {
    assert_eq!(QUANTILE, 0.95);
    assert_eq!(quantile(vec![3.0, 1.0, 2.0]), 2.9);
    assert_eq!(quantile(vec![1.0]), 1.0);
}
