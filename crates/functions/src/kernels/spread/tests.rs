use super::*;
use crate::kernels::keys::key_of;

// breaks when: digits cancel far from 0, or equal values get a variance
#[test]
fn variance_is_exact_far_from_zero() {
    let of = |values: &[f64]| {
        let keys: Vec<u64> = values.iter().map(|&value| key_of(value)).collect();
        Spread::of(&keys, values[0], 1.0)
    };
    let spread = of(&[1e15, 1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0]);
    assert_eq!((spread.mean(), spread.variance(0.0), spread.variance(1.0)), (1.5, 1.25, 5.0 / 3.0));
    assert_eq!(of(&[0.1; 7]).deviation(), 0.0);
    assert!(of(&[0.1]).variance(1.0).is_nan());
}
