use super::*;

// breaks when: a limit is not reached. The grid against scipy is in tests::golden_ranks
#[test]
fn limits() {
    assert_eq!(two_sided(0.0, 5.0), 1.0);
    assert_eq!(two_sided(f64::INFINITY, 5.0), 0.0);
    assert_eq!(two_sided(1e200, 5.0), 0.0);
    // one degree of freedom is Cauchy's distribution, two have a closed form
    assert!((two_sided(1.0, 1.0) - 0.5).abs() < 1e-15);
    assert!((two_sided(2.0, 2.0) - (1.0 - (4.0f64 / 6.0).sqrt())).abs() < 1e-15);
    let many = two_sided(1.959963984540054, 1e12);
    assert!((many - 0.05).abs() < 1e-11, "{many}");
}
