use super::z_test;

/// Successes and rows of the reference, of the current population, and statsmodels 0.15.0's
/// `proportions_ztest([cur, ref], [n_cur, n_ref])`.
const STATSMODELS: [(u64, u64, u64, u64, f64, f64); 6] = [
    (30, 100, 60, 120, 3.004270464795243, 0.002662185508944995),
    (1, 10, 9, 10, 3.577708763999664, 0.0003466193511346662),
    (500, 1000, 505, 1000, 0.22360959288736, 0.8230610986255987),
    (3, 1000000, 30, 1000000, 4.700135487081562, 2.5998893992437414e-06),
    (0, 50, 3, 40, 1.9695964928958383, 0.048884633916181135),
    (50, 50, 40, 50, -3.3333333333333326, 0.0008581206663936765),
];

// breaks when: the sign turns, the pooling goes, or the p-value loses its tail
#[test]
fn equals_statsmodels() {
    for (of_reference, n_reference, of_current, n_current, statistic, p_value) in STATSMODELS {
        let test = z_test(of_reference, n_reference, of_current, n_current);
        assert!((test.statistic - statistic).abs() <= 1e-12 * statistic.abs(), "{test:?}");
        assert!((test.p_value - p_value).abs() <= 1e-10 * p_value, "{test:?}");
    }
}

// breaks when: no variance gives NaN
#[test]
fn agreement_is_no_difference() {
    for (of_reference, n_reference, of_current, n_current) in [(0, 9, 0, 5), (9, 9, 5, 5)] {
        let test = z_test(of_reference, n_reference, of_current, n_current);
        assert_eq!((test.statistic, test.p_value), (0.0, 1.0));
    }
}
