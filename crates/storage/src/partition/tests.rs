use proptest::prelude::*;

use super::*;

const HOUR_NS: i64 = 3_600_000_000_000;

#[test]
fn times_belong_to_the_utc_day_and_month() {
    // breaks when division rounds towards zero (times before 1970), or at a leap day or the end of a month
    let cases = [
        (0, "1970-01-01", "1970-01"),
        (-1, "1969-12-31", "1969-12"),
        (NS_PER_DAY - 1, "1970-01-01", "1970-01"),
        (NS_PER_DAY, "1970-01-02", "1970-01"),
        (-NS_PER_DAY, "1969-12-31", "1969-12"),
        (-NS_PER_DAY - 1, "1969-12-30", "1969-12"),
        (31 * NS_PER_DAY - 1, "1970-01-31", "1970-01"),
        (31 * NS_PER_DAY, "1970-02-01", "1970-02"),
        (951_782_400_000_000_000, "2000-02-29", "2000-02"),
        (951_868_800_000_000_000, "2000-03-01", "2000-03"),
        (1_772_323_199_999_999_999, "2026-02-28", "2026-02"),
        (1_785_542_400_000_000_000, "2026-08-01", "2026-08"),
        (1_785_542_400_000_000_000 - HOUR_NS, "2026-07-31", "2026-07"),
        (i64::MAX, "2262-04-11", "2262-04"),
        (i64::MIN, "1677-09-21", "1677-09"),
    ];
    for (time, day, month) in cases {
        assert_eq!(PartitionKey::of(time, Partitioning::Day).name(Partitioning::Day), day, "{time}");
        assert_eq!(PartitionKey::of(time, Partitioning::Month).name(Partitioning::Month), month, "{time}");
    }
}

proptest! {
    #[test]
    fn days_and_dates_are_each_others_inverse(day in -106_752..106_752_i32) {
        // breaks when a formula of the calendar is wrong somewhere
        let (year, month, date) = civil_of_day(day);
        prop_assert_eq!(day_of_civil(year, month, date), day);
        prop_assert!((1..=12).contains(&month) && (1..=31).contains(&date));
    }

    #[test]
    fn names_sort_as_times_do(a in any::<i64>(), b in any::<i64>()) {
        // breaks when partitions in the order of their names would not be in the order of time
        for partitioning in [Partitioning::Day, Partitioning::Month] {
            let key = |time| PartitionKey::of(time, partitioning);
            let name = |time| key(time).name(partitioning);
            prop_assert_eq!(key(a).cmp(&key(b)), name(a).cmp(&name(b)));
        }
    }
}

#[test]
fn ranges_are_closed_at_both_ends() {
    // breaks when pruning would lose the row at the very end of a range
    let range = TimeRange::new(10, 20);
    for (other, overlaps) in
        [((0, 9), false), ((0, 10), true), ((20, 30), true), ((21, 30), false), ((12, 13), true)]
    {
        assert_eq!(range.overlaps(&TimeRange::new(other.0, other.1)), overlaps, "{other:?}");
    }
    assert_eq!(TimeRange::of(&[3, -1, 2]), Some(TimeRange::new(-1, 3)));
    assert_eq!(TimeRange::of(&[]), None);
}
