use proptest::prelude::*;

use super::*;

proptest! {
    // breaks when a day's sum, the order of minutes or an edge of a range is wrong
    #[test]
    fn sums_are_those_of_the_minutes(
        rows in prop::collection::vec((-4_000_i64..4_000, -1_i64..3, 0_i64..3, 0_i64..3), 0..200),
        start in -5_000_i64..5_000,
        length in 0_i64..6_000,
    ) {
        let mut counts = Counts::default();
        let group = [Some("a".to_owned())];
        for (minute, good, bad, unknown) in &rows {
            counts.add(&group, *minute, Events { good: *good, bad: *bad, unknown: *unknown });
        }
        let range = start..start + length;
        let mut expected = Events::default();
        for (minute, good, bad, unknown) in &rows {
            if range.contains(minute) {
                expected += Events { good: *good, bad: *bad, unknown: *unknown };
            }
        }
        let series = counts.series(&(group.to_vec().into())).cloned().unwrap_or_default();
        prop_assert_eq!(series.sum(&range), expected);
        let minutes: Vec<_> = series.minutes(range).collect();
        prop_assert!(minutes.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut again = Events::default();
        minutes.iter().for_each(|(_, events)| again += *events);
        prop_assert_eq!(again, expected);
    }
}
