use super::{Z_95, interval};

/// Successes, trials, and scipy 1.17.1's `binomtest(s, n).proportion_ci(method='wilson')`.
const SCIPY: [(f64, f64, f64, f64); 5] = [
    (184.0, 200.0, 0.874010511732856, 0.9501594141102401),
    (156.0, 200.0, 0.7176120008170632, 0.8318346164116674),
    (0.0, 10.0, 0.0, 0.27753279986288926),
    (10.0, 10.0, 0.7224672001371109, 1.0),
    (1.0, 3.0, 0.06149194472039626, 0.7923403991979523),
];

// breaks when: a term of the interval is lost
#[test]
fn equals_scipy() {
    for (successes, n, low, high) in SCIPY {
        let (ours_low, ours_high) = interval(successes, n, Z_95).unwrap();
        assert!((ours_low - low).abs() < 1e-12 && (ours_high - high).abs() < 1e-12, "{successes} of {n}");
    }
    assert_eq!(interval(0.0, 0.0, Z_95), None, "no trials say nothing");
}
