use super::{Z_95, interval};

/// The 99.5 % and the 90 % quantile of the normal distribution: intervals of 99 % and 80 %.
const Z_99: f64 = 2.5758293035489004;
const Z_80: f64 = 1.2815515655446004;

/// Successes, trials, z, and scipy 1.17.1's `binomtest(s, n).proportion_ci(level, method='wilson')`.
const SCIPY: [(f64, f64, f64, f64, f64); 9] = [
    (184.0, 200.0, Z_95, 0.874010511732856, 0.9501594141102401),
    (156.0, 200.0, Z_95, 0.7176120008170632, 0.8318346164116674),
    (156.0, 200.0, Z_99, 0.69623786898425, 0.8457809373369981),
    (156.0, 200.0, Z_80, 0.740264353381988, 0.8151744541843703),
    (0.0, 10.0, Z_95, 0.0, 0.27753279986288926),
    (10.0, 10.0, Z_95, 0.7224672001371109, 1.0),
    (1.0, 3.0, Z_95, 0.06149194472039626, 0.7923403991979523),
    (1.0, 1e6, Z_95, 1.765245767453709e-07, 5.664911804311442e-06),
    (999_999_999.0, 1e9, Z_95, 0.9999999943350657, 0.9999999998234754),
];

// breaks when: a term of the interval is lost
#[test]
fn equals_scipy() {
    for (successes, n, z, low, high) in SCIPY {
        let (ours_low, ours_high) = interval(successes, n, z).unwrap();
        assert!((ours_low - low).abs() < 1e-12 && (ours_high - high).abs() < 1e-12, "{successes} of {n}");
    }
    assert_eq!(interval(0.0, 0.0, Z_95), None, "no trials say nothing");
}
