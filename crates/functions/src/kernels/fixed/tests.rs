use proptest::prelude::*;

use super::*;

// breaks when: the scale or the rounding changes
#[test]
fn numbers_keep_all_digits_down_to_the_resolution() {
    let resolution = 2f64.powi(-(FRACTION_BITS as i32));
    for number in [0.0, -0.0, 1.0, 0.5, 0.1, 1.0 / 3.0, SUMMAND_MAX, 36.043_653_389_117_15, f64::EPSILON] {
        assert_eq!(mean(of(number), 1), number);
    }
    for number in [1e-21, 1e-300, f64::MIN_POSITIVE, 5e-324] {
        assert!((mean(of(number), 1) - number).abs() <= resolution / 2.0, "{number}");
    }
}

proptest! {
    // breaks when: a sum depends on its order, on how it is cut, or strays from the float sum
    #[test]
    fn sums_are_free_of_order(
        (numbers, shuffled) in prop::collection::vec(0.0f64..40.0, 1..200)
            .prop_flat_map(|numbers| (Just(numbers.clone()), Just(numbers).prop_shuffle())),
        cut in 0usize..200,
    ) {
        let sum = |numbers: &[f64]| numbers.iter().map(|&number| of(number)).sum::<u128>();
        let (left, right) = shuffled.split_at(cut.min(shuffled.len()));
        let (whole, parts) = (sum(&numbers), sum(right) + sum(left));
        prop_assert_eq!(whole, parts);
        prop_assert_eq!(whole - sum(left), sum(right), "taking back is exact");
        let count = numbers.len();
        let naive = numbers.iter().sum::<f64>() / count as f64;
        prop_assert!((mean(whole, count as u64) - naive).abs() <= 1e-12);
    }
}
