use super::*;
use crate::kernels::keys::key_of;

fn keys(values: &[f64]) -> Vec<u64> {
    values.iter().map(|&value| key_of(value)).collect()
}

// breaks when: a value is lost at an end, or one that both sides have is given twice
#[test]
fn walks_through_every_value_once() {
    let walk = |reference: &[f64], current: &[f64]| -> Vec<(u64, u64)> {
        ties(&keys(reference), &keys(current)).map(|tie| (tie.reference, tie.current)).collect()
    };
    assert_eq!(walk(&[], &[]), []);
    assert_eq!(walk(&[1.0], &[]), [(1, 0)]);
    assert_eq!(walk(&[-0.0, 1.0, 1.0], &[0.0, 1.0, 2.0, 2.0]), [(1, 1), (2, 1), (0, 2)]);
}

// breaks when: a range overflows, or a range of subnormals is scaled by infinity
#[test]
fn scales_are_finite_powers_of_two() {
    let tiny = f64::from_bits(1);
    for (low, high) in [
        (0.0, 0.0),
        (-f64::MAX, f64::MAX),
        (0.0, tiny),
        (0.0, 3.0 * tiny),
        (1e300, 1e300f64.next_up()),
        (-1.0, 5.0),
    ] {
        let scale = scale_of(&keys(&[low]), &keys(&[high]));
        assert!(scale.is_normal() && scale.to_bits().trailing_zeros() >= 52, "{low} {high}: {scale}");
        assert!((high * scale - low * scale) <= 2f64.powi(26), "{low} {high}: {scale}");
    }
}
