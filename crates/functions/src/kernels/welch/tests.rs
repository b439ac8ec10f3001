use super::*;
use crate::kernels::keys::key_of;

fn test(reference: &[f64], current: &[f64]) -> Option<WelchTest> {
    let keys = |values: &[f64]| values.iter().map(|&value| key_of(value)).collect::<Vec<_>>();
    welch_t_test(&keys(reference), &keys(current))
}

// breaks when: a variance of 0 becomes NaN
#[test]
fn constants_have_an_answer() {
    assert_eq!(test(&[1.0], &[1.0, 2.0]), None);
    assert_eq!(test(&[3.0; 4], &[3.0; 5]), Some(WelchTest { statistic: 0.0, p_value: 1.0 }));
    assert_eq!(test(&[3.0; 4], &[4.0; 5]), Some(WelchTest { statistic: f64::NEG_INFINITY, p_value: 0.0 }));
    assert!(test(&[3.0; 4], &[4.0, 5.0]).unwrap().p_value > 0.1);
}

// breaks when: the unit or an offset of the values changes the test
#[test]
fn units_do_not_matter() {
    let (r, c) = ([1.0, 2.0, 4.0, 8.0], [3.0, 5.0, 9.0]);
    let expected = test(&r, &c).unwrap();
    for (unit, offset) in [(1e150, 0.0), (f64::from_bits(1 << 20), 0.0), (1.0, 1e15), (2f64.powi(1020), 0.0)]
    {
        let ours = test(&r.map(|x| x * unit + offset), &c.map(|x| x * unit + offset)).unwrap();
        assert!((ours.statistic - expected.statistic).abs() < 1e-12, "{unit} {offset}: {ours:?}");
        assert!((ours.p_value - expected.p_value).abs() < 1e-12, "{unit} {offset}: {ours:?}");
    }
}
