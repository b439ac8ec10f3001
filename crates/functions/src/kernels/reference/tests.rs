use proptest::prelude::*;

use super::super::bins::counts_of_sorted;
use super::*;

fn sorted(values: &[f64]) -> Vec<u64> {
    let mut keys: Vec<u64> = values.iter().map(|&value| key_of(value)).collect();
    keys.sort_unstable();
    keys
}

/// Edges and counts from the knots equal those from the whole reference, bit for bit, whatever the number of bins.
fn check(values: &[f64]) {
    let keys = sorted(values);
    let knots = Knots::of_sorted(&keys);
    assert_eq!(knots.len(), keys.len());
    assert!(knots.keys.len() <= 2 * GRID + 50, "{} knots", knots.keys.len());
    for bins in (2..=GRID).filter(|&bins| is_on_grid(bins)) {
        let expected = quantile_edges(keys.len(), bins, |position| keys[position]);
        let edges = knots.edges(bins);
        assert_eq!(edges, expected, "{bins} bins of {} values", keys.len());
        assert_eq!(knots.counts(&edges), counts_of_sorted(&keys, &expected), "{bins} bins");
    }
    for step in [0, 1, 250, 500, 999, GRID] {
        let expected = quantile_part(keys.len(), step, GRID, |position| keys[position]);
        assert_eq!(knots.quantile(step), expected, "quantile {step}");
    }
    assert_eq!(Knots::of_stored(knots.iter()), Some(knots));
}

// breaks when: an atom, a tie or an end of the number line moves an edge or a count
#[test]
fn special_references_come_out_exactly() {
    let tiny = f64::from_bits(1);
    check(&[0.1]);
    check(&[1.0, 2.0]);
    check(&[f64::MIN, f64::MAX]);
    check(&[-tiny, -0.0, 0.0, tiny, 2.0 * tiny]);
    check(&[3.0; 1500]);
    check(&[1.0, 1.0f64.next_up(), 1.0f64.next_up(), 2.0]);
    for length in [9, 10, 11, 100, 101, 999, 1000, 1001, 1002, 2001, 10_007] {
        check(&(0..length).map(|i| f64::from(i) * 0.1).collect::<Vec<f64>>());
        // zero-inflated, and with neighbours that differ by one bit
        check(&(0..length).map(|i| if i % 10 < 7 { 0.0 } else { f64::from(i) }).collect::<Vec<f64>>());
        check(
            &(0..length)
                .map(|i| f64::from_bits(1.0f64.to_bits() + (i as u64 * 7) % 13))
                .collect::<Vec<f64>>(),
        );
    }
}

// breaks when: what is no reference is taken for one
#[test]
fn damaged_knots_are_refused() {
    let knot = |value, below, through| Knot { value, below, through };
    assert_eq!(Knots::of_stored([]).map(|knots| (knots.is_empty(), knots.iter().count())), Some((true, 0)));
    for knots in [
        vec![knot(f64::NAN, 0, 1)],
        vec![knot(f64::INFINITY, 0, 1)],
        vec![knot(1.0, 1, 2)],
        vec![knot(1.0, 0, 0)],
        vec![knot(1.0, 0, 1), knot(1.0, 1, 2)],
        vec![knot(1.0, 0, 3), knot(2.0, 2, 4)],
    ] {
        assert_eq!(Knots::of_stored(knots.clone()), None, "{knots:?}");
    }
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => -1e3f64..1e3,
        3 => (-4i32..4).prop_map(f64::from),
        2 => Just(0.0),
        1 => any::<f64>().prop_filter("finite", |value| value.is_finite()),
        1 => (0u64..6).prop_map(|step| f64::from_bits(1.0f64.to_bits() + step)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    // breaks when: a value that an edge or a count depends on is not kept
    #[test]
    fn knots_equal_the_whole_reference(values in prop_oneof![
        3 => prop::collection::vec(value(), 1..60),
        1 => prop::collection::vec(value(), 500..4000),
    ]) {
        check(&values);
    }
}
