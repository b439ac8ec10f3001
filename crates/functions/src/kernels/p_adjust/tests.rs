use proptest::prelude::*;

use super::*;

const ALL: [Adjustment; 4] =
    [Adjustment::BenjaminiHochberg, Adjustment::BenjaminiYekutieli, Adjustment::Holm, Adjustment::Bonferroni];

/// By the definition, over every other p-value.
fn naive(p_values: &[f64], at: usize, adjustment: Adjustment) -> f64 {
    let count = p_values.len() as f64;
    let p = p_values[at];
    let up_to = |other: f64| p_values.iter().filter(|&&p| p <= other).count() as f64;
    let below = |other: f64| p_values.iter().filter(|&&p| p < other).count() as f64;
    let harmonic: f64 = (1..=p_values.len()).map(|rank| 1.0 / rank as f64).sum();
    let at_least = p_values.iter().filter(|&&other| other >= p);
    let discoveries = at_least.map(|&other| other * count / up_to(other)).fold(1.0, f64::min);
    match adjustment {
        Adjustment::Bonferroni => (p * count).min(1.0),
        Adjustment::BenjaminiHochberg => discoveries,
        Adjustment::BenjaminiYekutieli => (discoveries * harmonic).min(1.0),
        Adjustment::Holm => p_values
            .iter()
            .filter(|&&other| other <= p)
            .map(|&other| other * (count - below(other)))
            .fold(0.0, f64::max)
            .min(1.0),
    }
}

proptest! {
    // breaks when: ties, the order of rows or the ends of the list change a result; when one leaves [p, 1]
    #[test]
    fn equals_the_definition(
        p_values in prop::collection::vec(prop_oneof![0.0..=1.0f64, (0..=4u8).prop_map(|p| f64::from(p) / 4.0)], 0..30),
    ) {
        for adjustment in ALL {
            let mut adjusted = p_values.clone();
            adjust(&mut adjusted, adjustment);
            for (at, (&adjusted, &p)) in adjusted.iter().zip(&p_values).enumerate() {
                let expected = naive(&p_values, at, adjustment);
                prop_assert!((adjusted - expected).abs() <= 1e-12, "{adjustment:?}: {adjusted} is not {expected}");
                prop_assert!(adjusted >= p * (1.0 - 1e-15) && adjusted <= 1.0);
            }
        }
    }
}
