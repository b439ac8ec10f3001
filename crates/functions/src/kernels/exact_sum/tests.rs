use proptest::prelude::*;

use super::*;

fn sum(values: &[f64]) -> ExactSum {
    let mut sum = ExactSum::default();
    values.iter().for_each(|&value| sum.add(value));
    sum
}

// breaks when: a bit is lost on the way, or the one rounding goes the wrong way
#[test]
fn sums_are_rounded_once() {
    let tiny = f64::from_bits(1);
    let cases: &[(&[f64], f64)] = &[
        (&[], 0.0),
        (&[1.0], 1.0),
        (&[-1.5], -1.5),
        (&[0.1; 10], 1.0),
        (&[1e300, 1.0, -1e300], 1.0),
        (&[1e308, 1e308, -1e308], 1e308),
        (&[1e-300, 1e300, -1e300], 1e-300),
        (&[tiny, tiny], f64::from_bits(2)),
        (&[tiny, -tiny], 0.0),
        (&[f64::MIN_POSITIVE, -tiny], f64::from_bits((1 << 52) - 1)),
        (&[f64::MIN_POSITIVE, tiny], f64::from_bits((1 << 52) + 1)),
        // 2^53 + 1 is a tie and goes to the even 2^53; anything more goes up
        (&[9_007_199_254_740_992.0, 1.0], 9_007_199_254_740_992.0),
        (&[9_007_199_254_740_992.0, 1.0, 1e-300], 9_007_199_254_740_994.0),
        (&[9_007_199_254_740_994.0, 1.0], 9_007_199_254_740_996.0),
        (&[-9_007_199_254_740_992.0, -1.0, -1e-300], -9_007_199_254_740_994.0),
        // rounding up carries into the exponent
        (&[9_007_199_254_740_991.0, 0.5], 9_007_199_254_740_992.0),
        (&[f64::MAX], f64::MAX),
        (&[-f64::MAX], -f64::MAX),
        (&[f64::MAX, 1.0], f64::MAX),
    ];
    for (values, expected) in cases {
        assert_eq!(sum(values).value(), Some(*expected), "{values:?}");
    }
    assert_eq!(sum(&[f64::MAX, f64::MAX]).value(), None, "beyond the largest number");
    assert_eq!(sum(&[-f64::MAX, -1e300]).value(), None);
    assert_eq!(sum(&[-f64::MAX, -f64::MAX, f64::MAX]).value(), Some(-f64::MAX), "and back");
}

// breaks when: integers stop adding up: more of them than the bits of a mantissa, with carries both ways
#[test]
fn many_integers_add_up() {
    let mut total = 0i128;
    let mut exact = ExactSum::default();
    for step in 0..100_000u64 {
        let value = (step.wrapping_mul(0x9E37_79B9_7F4A_7C15) as i64 >> 11) as f64;
        total += value as i128;
        exact.add(value);
    }
    assert_eq!(exact.value(), Some(total as f64));
    // doubled again and again, far beyond the additions that a limb has room for
    for _ in 0..40 {
        let same = exact.clone();
        exact.merge(&same);
        total *= 2;
    }
    assert_eq!(exact.value(), Some(total as f64));
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => any::<u64>().prop_map(f64::from_bits),
        2 => -1e6f64..1e6,
        1 => prop_oneof![Just(1e300), Just(-1e300), Just(1e-300), Just(-0.0), Just(5e-324)],
    ]
    .prop_filter("finite", |value| value.is_finite() && value.abs() < 1e306)
}

proptest! {
    // breaks when: order, or the way into partial sums, changes a bit; or taking away does not undo adding
    #[test]
    fn order_and_partial_sums_do_not_matter(
        (values, shuffled) in prop::collection::vec(value(), 0..40)
            .prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = sum(&values);
        prop_assert_eq!(whole.value(), sum(&shuffled).value());
        let (left, right) = shuffled.split_at(if shuffled.is_empty() { 0 } else { cut.index(shuffled.len()) });
        let sent = sum(left).canonical();
        let (first, limbs) = sent.parts();
        let mut merged = ExactSum::from_parts(first, limbs).unwrap();
        merged.merge(&sum(right));
        prop_assert_eq!(merged.canonical(), whole.canonical(), "one form for equal sums");
        prop_assert_eq!(merged.value(), whole.value());
        merged.subtract(&sum(left));
        prop_assert_eq!(merged.value(), sum(right).value());
    }

    // breaks when: the rounding is not that of one addition
    #[test]
    fn two_numbers_add_as_the_processor_adds_them(a in value(), b in value()) {
        prop_assert_eq!(sum(&[a, b]).value(), Some(a + b + 0.0));
    }
}

// breaks when: parts that no sum has are taken in
#[test]
fn strange_parts_are_refused() {
    assert!(ExactSum::from_parts(LIMBS_MAX + 1, &[]).is_none());
    assert!(ExactSum::from_parts(1, &[0; LIMBS_MAX]).is_none());
    assert!(ExactSum::from_parts(0, &[i64::MIN]).is_none());
    assert_eq!(ExactSum::from_parts(0, &[1]).unwrap().value(), Some(f64::from_bits(1)));
}
