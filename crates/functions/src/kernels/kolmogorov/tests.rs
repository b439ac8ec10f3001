use super::survival;

/// n, d and scipy 1.17.1's `kstwo.sf(d, n)`: each formula, and both sides of the thresholds between them.
const SCIPY: [(f64, f64, f64); 24] = [
    (1.0, 0.4, 1.0),
    (1.0, 0.7, 0.6000000000000001),
    (2.0, 0.3, 0.98),
    (5.0, 0.15, 0.9988),
    (5.0, 0.19, 0.977325184),
    (5.0, 0.85, 0.0001518750000000001),
    (10.0, 0.95, 1.9531250000000172e-13),
    (50.0, 0.012, 1.0),
    (140.0, 0.004, 1.0),
    (141.0, 0.0071, 1.0),
    (1000.0, 0.0009, 1.0),
    (1000.0, 0.6, 0.0),
    (200.0, 0.3, 1.8482195753126875e-16),
    (3000.0, 0.5, 0.0),
    (50000.0, 0.0066, 0.02554591750974544),
    (100000.0, 0.01, 4.093278023549254e-09),
    (100000.0, 0.0058, 0.0023845261148962077),
    (100001.0, 0.0058, 0.0023843656881765993),
    (1000000.0, 0.002, 0.0006700277103670718),
    (1000001.0, 0.002, 0.0006700258874578572),
    (2000000.0, 0.02, 0.0),
    (7.0, 1.0, 0.0),
    (150.0, 0.0899, 0.16649119383732724),
    (30.0, 0.36, 0.0005472444023283396),
];

// breaks when: a formula is chosen outside its range
#[test]
fn every_regime_equals_scipy() {
    for (n, d, expected) in SCIPY {
        let ours = survival(n, d);
        let apart = (ours - expected).abs();
        assert!(apart <= 1e-9 * expected || apart <= 1e-14, "n = {n}, d = {d}: {ours} is not {expected}");
    }
}

// breaks when: neighbouring formulae do not meet: a larger statistic must not be more probable
#[test]
fn survival_falls_with_the_statistic() {
    for n in [1.0, 2.0, 30.0, 140.0, 141.0, 5_000.0] {
        let values: Vec<f64> = (0..=200).map(|step| survival(n, f64::from(step) / 200.0)).collect();
        assert!(values.iter().all(|p| (0.0..=1.0).contains(p)));
        // scipy's formulae meet within 1e-5
        assert!(values.windows(2).all(|pair| pair[1] <= pair[0] + 1e-5), "n = {n}");
    }
}
