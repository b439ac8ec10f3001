use proptest::prelude::*;

use super::*;

proptest! {
    // breaks when: swapping the sides or an order-preserving change matters, or a p-value leaves its table
    #[test]
    fn is_symmetric_and_depends_on_order_alone(
        mut reference in prop::collection::vec(0u64..20, 2..40),
        mut current in prop::collection::vec(0u64..20, 2..40),
    ) {
        reference.sort_unstable();
        current.sort_unstable();
        if let Some(test) = anderson_darling(&reference, &current) {
            prop_assert!((0.0009..=0.2501).contains(&test.p_value));
            let back = anderson_darling(&current, &reference).unwrap();
            prop_assert!((back.statistic - test.statistic).abs() <= 1e-12 * test.statistic.abs().max(1.0));
            let cubed = |side: &[u64]| side.iter().map(|x| x * x * x).collect::<Vec<_>>();
            prop_assert_eq!(anderson_darling(&cubed(&reference), &cubed(&current)), Some(test));
        } else {
            prop_assert!(reference.iter().chain(&current).all(|&x| x == reference[0]));
        }
    }
}

// breaks when: the parabola leaves its points where they lie on one
#[test]
fn parabola_goes_through_a_parabola() {
    let xs = [0.3, 1.2, 1.9, 2.7, 3.7, 4.6, 6.5];
    let f = |x: f64| 0.5 * x * x - 3.0 * x + 0.25;
    for at in [0.3, 2.0, 6.5] {
        assert!((quadratic_fit(xs, xs.map(f), at) - f(at)).abs() < 1e-12);
    }
}

// breaks when: too few or constant values divide by 0
#[test]
fn undefined_cases_are_none() {
    assert_eq!(anderson_darling(&[1], &[2, 3]), None);
    assert_eq!(anderson_darling(&[7; 5], &[7; 5]), None);
    assert!(anderson_darling(&[1, 2], &[3, 4]).unwrap().statistic.is_finite());
}
