use super::*;

/// Reference, current, power, correction, and scipy 1.17.1's `chi2_contingency`: statistic, p-value, degrees of freedom, least
/// expected count; then V after Bergsma (2013) from its chi-squared, in numpy.
type Case = (&'static [u64], &'static [u64], Power, bool, f64, f64, u64, f64, f64);

const SCIPY: [Case; 24] = [
    (
        &[50, 30, 20],
        &[40, 45, 15],
        Power::Pearson,
        true,
        4.825396825396825,
        0.08957326253887996,
        2,
        17.5,
        0.11894464040536173,
    ),
    (
        &[50, 30, 20],
        &[40, 45, 15],
        Power::Pearson,
        false,
        4.825396825396825,
        0.08957326253887996,
        2,
        17.5,
        0.11894464040536173,
    ),
    (
        &[50, 30, 20],
        &[40, 45, 15],
        Power::LogLikelihood,
        true,
        4.850471056038437,
        0.08845728241986568,
        2,
        17.5,
        0.11894464040536173,
    ),
    (
        &[50, 30, 20],
        &[40, 45, 15],
        Power::LogLikelihood,
        false,
        4.850471056038437,
        0.08845728241986568,
        2,
        17.5,
        0.11894464040536173,
    ),
    (
        &[70, 30],
        &[60, 60],
        Power::Pearson,
        true,
        8.217250712250708,
        0.004149401746205218,
        1,
        40.90909090909091,
        0.18148090571901593,
    ),
    (
        &[70, 30],
        &[60, 60],
        Power::Pearson,
        false,
        9.025641025641022,
        0.002662185508945004,
        1,
        40.90909090909091,
        0.1913809710400105,
    ),
    (
        &[70, 30],
        &[60, 60],
        Power::LogLikelihood,
        true,
        8.316141822670506,
        0.0039294294804337535,
        1,
        40.90909090909091,
        0.18148090571901593,
    ),
    (
        &[70, 30],
        &[60, 60],
        Power::LogLikelihood,
        false,
        9.143238871774358,
        0.002496388041982719,
        1,
        40.90909090909091,
        0.1913809710400105,
    ),
    (
        &[50, 50, 0],
        &[40, 40, 20],
        Power::Pearson,
        true,
        22.22222222222222,
        1.4945338524781447e-05,
        2,
        10.0,
        0.3187024760461313,
    ),
    (
        &[50, 50, 0],
        &[40, 40, 20],
        Power::Pearson,
        false,
        22.22222222222222,
        1.4945338524781447e-05,
        2,
        10.0,
        0.3187024760461313,
    ),
    (
        &[50, 50, 0],
        &[40, 40, 20],
        Power::LogLikelihood,
        true,
        29.952704648941722,
        3.13222409747689e-07,
        2,
        10.0,
        0.3187024760461313,
    ),
    (
        &[50, 50, 0],
        &[40, 40, 20],
        Power::LogLikelihood,
        false,
        29.952704648941722,
        3.13222409747689e-07,
        2,
        10.0,
        0.3187024760461313,
    ),
    (
        &[5, 0, 1, 2],
        &[0, 7, 1, 3],
        Power::Pearson,
        true,
        12.026136363636365,
        0.007294162526480841,
        3,
        0.8421052631578947,
        0.7026496833701038,
    ),
    (
        &[5, 0, 1, 2],
        &[0, 7, 1, 3],
        Power::Pearson,
        false,
        12.026136363636365,
        0.007294162526480841,
        3,
        0.8421052631578947,
        0.7026496833701038,
    ),
    (
        &[5, 0, 1, 2],
        &[0, 7, 1, 3],
        Power::LogLikelihood,
        true,
        16.361215147550865,
        0.000956109639586912,
        3,
        0.8421052631578947,
        0.7026496833701038,
    ),
    (
        &[5, 0, 1, 2],
        &[0, 7, 1, 3],
        Power::LogLikelihood,
        false,
        16.361215147550865,
        0.000956109639586912,
        3,
        0.8421052631578947,
        0.7026496833701038,
    ),
    (
        &[184, 8, 5, 3],
        &[100, 50, 30, 20],
        Power::Pearson,
        true,
        85.68122377443069,
        1.8532089069570954e-18,
        3,
        11.5,
        0.4551961880724232,
    ),
    (
        &[184, 8, 5, 3],
        &[100, 50, 30, 20],
        Power::Pearson,
        false,
        85.68122377443069,
        1.8532089069570954e-18,
        3,
        11.5,
        0.4551961880724232,
    ),
    (
        &[184, 8, 5, 3],
        &[100, 50, 30, 20],
        Power::LogLikelihood,
        true,
        92.97283761766228,
        5.034090286006669e-20,
        3,
        11.5,
        0.4551961880724232,
    ),
    (
        &[184, 8, 5, 3],
        &[100, 50, 30, 20],
        Power::LogLikelihood,
        false,
        92.97283761766228,
        5.034090286006669e-20,
        3,
        11.5,
        0.4551961880724232,
    ),
    (&[10, 90], &[1000, 9100], Power::Pearson, true, 0.0, 1.0, 1, 9.901960784313726, 0.0),
    (
        &[10, 90],
        &[1000, 9100],
        Power::Pearson,
        false,
        0.001088032611964163,
        0.9736862787849531,
        1,
        9.901960784313726,
        0.0,
    ),
    (&[10, 90], &[1000, 9100], Power::LogLikelihood, true, 0.0, 1.0, 1, 9.901960784313726, 0.0),
    (
        &[10, 90],
        &[1000, 9100],
        Power::LogLikelihood,
        false,
        0.001084883821507066,
        0.9737243688183278,
        1,
        9.901960784313726,
        0.0,
    ),
];

/// Relatively to the statistic; where the rows are nearly alike scipy's G has lost digits, and the value is from 50 of them.
#[track_caller]
fn close(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() <= 1e-10 * theirs, "{what}: {ours} is not {theirs}");
}

// breaks when: a formula, the correction or its condition differs from scipy's
#[test]
fn equals_scipy() {
    for (reference, current, power, correction, statistic, p_value, dof, min_expected, v) in SCIPY {
        let what = format!("{reference:?} {current:?} {power:?} {correction}");
        let test = homogeneity(reference, current, power, correction).unwrap();
        close(test.statistic, statistic, &what);
        assert!((test.p_value - p_value).abs() <= 1e-9 * p_value, "{what}: p-value {}", test.p_value);
        assert_eq!(test.dof, dof, "{what}");
        close(test.min_expected, min_expected, &what);
        close(test.cramers_v.unwrap(), v, &what);
    }
}

// breaks when: an empty category adds a degree of freedom, or a table without one gives NaN
#[test]
fn degenerate_tables() {
    let of = |reference: &[u64], current: &[u64]| homogeneity(reference, current, Power::Pearson, true);
    assert_eq!(of(&[5, 0, 9], &[7, 0, 3]), of(&[5, 9], &[7, 3]), "a category that nobody has");
    let single = of(&[50], &[60]).unwrap();
    assert_eq!((single.statistic, single.p_value, single.dof), (0.0, 1.0, 0));
    assert_eq!(single.cramers_v, Some(0.0));
    assert_eq!(of(&[5, 1], &[0, 0]), None);
    assert_eq!(of(&[1, 0], &[0, 1]).unwrap().cramers_v, None, "two rows leave nothing to correct");
    let disjoint = homogeneity(&[500, 0], &[0, 500], Power::Pearson, false).unwrap();
    assert!((disjoint.cramers_v.unwrap() - 1.0).abs() < 1e-12, "disjoint populations");
}
