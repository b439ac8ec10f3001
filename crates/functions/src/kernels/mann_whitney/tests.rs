use proptest::prelude::*;

use super::*;

proptest! {
    // breaks when: a pair is counted twice, or a tie as a whole
    #[test]
    fn counts_pairs(mut reference in prop::collection::vec(0u64..9, 1..40), mut current in prop::collection::vec(0u64..9, 1..40)) {
        let pairs = reference.iter().flat_map(|r| current.iter().map(move |c| (r, c)));
        let naive: f64 = pairs.map(|(r, c)| if r > c { 1.0 } else if r == c { 0.5 } else { 0.0 }).sum();
        reference.sort_unstable();
        current.sort_unstable();
        let test = mann_whitney(&reference, &current);
        prop_assert_eq!(test.statistic, naive);
        prop_assert!((0.0..=1.0).contains(&test.p_value));
        let back = mann_whitney(&current, &reference);
        prop_assert_eq!(back.p_value.to_bits(), test.p_value.to_bits(), "two-sided");
    }
}

// breaks when: a single distinct value divides 0 by 0
#[test]
fn constants_do_not_differ() {
    assert_eq!(mann_whitney(&[5; 3], &[5; 4]), MannWhitney { statistic: 6.0, p_value: 1.0 });
    assert_eq!(mann_whitney(&[5], &[5]).p_value, 1.0);
}
