use super::*;

/// Statistic, degrees of freedom, and scipy 1.17.1's `chi2.sf(x, dof)`.
const SURVIVAL: [(f64, f64, f64); 25] = [
    (1e-06, 1.0, 0.9992021155721779),
    (0.5, 1.0, 0.47950012218695337),
    (3.84, 1.0, 0.05004352124870519),
    (25.0, 1.0, 5.733031437583875e-07),
    (300.0, 1.0, 3.2943623833139784e-67),
    (1.0, 2.0, 0.6065306597126334),
    (50.0, 2.0, 1.3887943864964e-11),
    (0.1, 3.0, 0.9918374237318764),
    (8.0, 9.0, 0.5341462169096916),
    (21.7, 9.0, 0.009879970254015505),
    (200.0, 9.0, 3.312992393909567e-38),
    (20.0, 31.0, 0.9358036207411544),
    (33.0, 31.0, 0.36953479455512844),
    (20.0, 33.0, 0.9634658994412613),
    (45.0, 33.0, 0.07950088401990356),
    (50.0, 99.0, 0.9999900545468124),
    (99.0, 99.0, 0.4810969124082639),
    (150.0, 99.0, 0.0007204453957169282),
    (600.0, 99.0, 9.78117042120642e-73),
    (9000.0, 9999.0, 0.999999999999866),
    (9999.0, 9999.0, 0.49811927192721916),
    (10500.0, 9999.0, 0.00024153011422255386),
    (1000000.0, 999999.0, 0.4995298419881127),
    (1003000.0, 999999.0, 0.0169869735938558),
    (0.0, 5.0, 1.0),
];

/// Degrees of freedom, and scipy 1.17.1's `chi2.isf(0.05, dof)`.
const EXCEEDED_BY_5_PERCENT: [(f64, f64); 9] = [
    (1.0, 3.8414588206941285),
    (2.0, 5.991464547107983),
    (3.0, 7.814727903251178),
    (9.0, 16.91897760462045),
    (10.0, 18.30703805327515),
    (19.0, 30.143527205646155),
    (29.0, 42.55696780429265),
    (99.0, 123.22522145336181),
    (9999.0, 10232.737266236883),
];

// breaks when: a branch, its factor or the switch between them is wrong; tails count relatively
#[test]
fn survival_equals_scipy() {
    for (x, dof, expected) in SURVIVAL {
        let ours = chi2_survival(x, dof);
        assert!((ours - expected).abs() <= 1e-10 * expected, "sf({x}, {dof}): {ours} is not {expected}");
    }
    assert_eq!(chi2_survival(3.0, 0.0), 1.0, "nothing is free to vary");
    assert_eq!(chi2_survival(f64::MAX, 3.0), 0.0);
}

// breaks when: the search leaves its bounds or stops early
#[test]
fn quantiles_equal_scipy() {
    for (dof, expected) in EXCEEDED_BY_5_PERCENT {
        let ours = chi2_quantile_of_survival(0.05, dof);
        assert!((ours - expected).abs() <= 1e-11 * expected, "isf(0.05, {dof}): {ours} is not {expected}");
    }
    for dof in [1.0, 4.0, 77.0, 5000.0] {
        for probability in [1e-9, 0.01, 0.5, 0.99] {
            let back = chi2_survival(chi2_quantile_of_survival(probability, dof), dof);
            assert!((back - probability).abs() <= 1e-10, "{probability} at {dof}");
        }
    }
    assert_eq!(chi2_quantile_of_survival(0.05, 0.0), 0.0);
}
