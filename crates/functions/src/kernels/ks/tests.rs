use proptest::prelude::*;

use super::*;
use crate::kernels::keys::key_of;

/// Reference, current, alternative, and scipy 1.17.1's statistic, p-value, location and sign.
type Case = (&'static [f64], &'static [f64], &'static str, f64, f64, f64, i32);

const SCIPY: [Case; 30] = [
    (&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], "two-sided", 0.0, 1.0, 1.0, 1),
    (&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], "less", 0.0, 1.0, 1.0, -1),
    (&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], "greater", 0.0, 1.0, 1.0, 1),
    (&[1.0, 2.0], &[2.0, 3.0, 4.0], "two-sided", 0.6666666666666666, 0.6, 2.0, 1),
    (&[1.0, 2.0], &[2.0, 3.0, 4.0], "less", 0.0, 1.0, 4.0, -1),
    (&[1.0, 2.0], &[2.0, 3.0, 4.0], "greater", 0.6666666666666666, 0.3, 2.0, 1),
    (&[5.0, 5.0, 5.0, 5.0], &[5.0, 6.0], "two-sided", 0.5, 0.9333333333333332, 5.0, 1),
    (&[5.0, 5.0, 5.0, 5.0], &[5.0, 6.0], "less", 0.0, 1.0, 6.0, -1),
    (&[5.0, 5.0, 5.0, 5.0], &[5.0, 6.0], "greater", 0.5, 0.5333333333333333, 5.0, 1),
    (&[0.0, 1.0], &[2.0, 3.0], "two-sided", 1.0, 0.3333333333333333, 1.0, 1),
    (&[0.0, 1.0], &[2.0, 3.0], "less", 0.0, 1.0, 3.0, -1),
    (&[0.0, 1.0], &[2.0, 3.0], "greater", 1.0, 0.16666666666666666, 1.0, 1),
    (&[2.0, 3.0], &[0.0, 1.0], "two-sided", 1.0, 0.3333333333333333, 1.0, -1),
    (&[2.0, 3.0], &[0.0, 1.0], "less", 1.0, 0.16666666666666666, 1.0, -1),
    (&[2.0, 3.0], &[0.0, 1.0], "greater", 0.0, 1.0, 3.0, 1),
    (&[1.0, 1.0, 2.0, 4.0], &[0.0, 2.0, 2.0, 3.0, 9.0], "two-sided", 0.3, 0.9682539682539681, 1.0, 1),
    (&[1.0, 1.0, 2.0, 4.0], &[0.0, 2.0, 2.0, 3.0, 9.0], "less", 0.2, 0.7777777777777778, 0.0, -1),
    (&[1.0, 1.0, 2.0, 4.0], &[0.0, 2.0, 2.0, 3.0, 9.0], "greater", 0.3, 0.5555555555555556, 1.0, 1),
    (&[3.0], &[3.0], "two-sided", 0.0, 1.0, 3.0, 1),
    (&[3.0], &[3.0], "less", 0.0, 1.0, 3.0, -1),
    (&[3.0], &[3.0], "greater", 0.0, 1.0, 3.0, 1),
    (&[1.0], &[2.0], "two-sided", 1.0, 1.0, 1.0, 1),
    (&[1.0], &[2.0], "less", 0.0, 1.0, 2.0, -1),
    (&[1.0], &[2.0], "greater", 1.0, 0.5, 1.0, 1),
    (
        &[5.0, 3.0, 4.0, 5.0, 3.0, 4.0, 5.0],
        &[2.0, 1.0, 2.0, 2.0, 6.0],
        "two-sided",
        0.8,
        0.030303030303030304,
        2.0,
        -1,
    ),
    (
        &[5.0, 3.0, 4.0, 5.0, 3.0, 4.0, 5.0],
        &[2.0, 1.0, 2.0, 2.0, 6.0],
        "less",
        0.8,
        0.015151515151515152,
        2.0,
        -1,
    ),
    (
        &[5.0, 3.0, 4.0, 5.0, 3.0, 4.0, 5.0],
        &[2.0, 1.0, 2.0, 2.0, 6.0],
        "greater",
        0.2,
        0.7133838383838383,
        5.0,
        1,
    ),
    (
        &[8.0, 0.0, 4.0, 7.0, 1.0, 7.0, 1.0, 4.0, 7.0, 2.0, 3.0, 2.0],
        &[6.0, 2.0, 8.0, 4.0, 4.0, 4.0, 5.0, 4.0, 4.0],
        "two-sided",
        0.3888888888888889,
        0.34458204334365333,
        3.0,
        1,
    ),
    (
        &[8.0, 0.0, 4.0, 7.0, 1.0, 7.0, 1.0, 4.0, 7.0, 2.0, 3.0, 2.0],
        &[6.0, 2.0, 8.0, 4.0, 4.0, 4.0, 5.0, 4.0, 4.0],
        "less",
        0.2222222222222222,
        0.5515564930425612,
        6.0,
        -1,
    ),
    (
        &[8.0, 0.0, 4.0, 7.0, 1.0, 7.0, 1.0, 4.0, 7.0, 2.0, 3.0, 2.0],
        &[6.0, 2.0, 8.0, 4.0, 4.0, 4.0, 5.0, 4.0, 4.0],
        "greater",
        0.3888888888888889,
        0.17266355935086586,
        3.0,
        1,
    ),
];

fn keys_of(values: &[f64]) -> Vec<u64> {
    let mut keys: Vec<u64> = values.iter().map(|&value| key_of(value)).collect();
    keys.sort_unstable();
    keys
}

// breaks when: ties move the location or the sign, or a p-value takes the wrong side
#[test]
fn equals_scipy_with_location_and_sign() {
    for (reference, current, name, statistic, p_value, location, sign) in SCIPY {
        let alternative = match name {
            "less" => Alternative::Less,
            "greater" => Alternative::Greater,
            _ => Alternative::TwoSided,
        };
        let test = ks_test(&keys_of(reference), &keys_of(current), Method::Auto, alternative);
        let what = format!("{reference:?} {current:?} {name}");
        assert!((test.statistic - statistic).abs() < 1e-15, "{what}: {} is not {statistic}", test.statistic);
        assert!((test.p_value - p_value).abs() < 1e-12, "{what}: {} is not {p_value}", test.p_value);
        assert_eq!((test.location, test.sign, test.method), (location, sign, MethodUsed::Exact), "{what}");
    }
}

/// The share of all orders of n + m distinct values whose statistic is at least `statistic`.
fn counted(n: usize, m: usize, statistic: f64, alternative: Alternative) -> f64 {
    let (mut reached, mut all) = (0u32, 0u32);
    for order in 0u32..1 << (n + m) {
        if order.count_ones() as usize != n {
            continue;
        }
        let (mut i, mut j, mut above, mut below) = (0, 0, 0.0f64, 0.0f64);
        for bit in 0..n + m {
            if order >> bit & 1 == 1 {
                i += 1
            } else {
                j += 1
            }
            let difference = i as f64 / n as f64 - j as f64 / m as f64;
            above = above.max(difference);
            below = below.max(-difference);
        }
        let largest = match alternative {
            Alternative::Greater => above,
            Alternative::Less => below,
            Alternative::TwoSided => above.max(below),
        };
        all += 1;
        reached += u32::from(largest >= statistic - 1e-9);
    }
    f64::from(reached) / f64::from(all)
}

proptest! {
    // breaks when: the recurrence counts a path wrongly; no reference implementation is involved
    #[test]
    fn exact_p_values_equal_counting_all_orders(n in 1usize..8, m in 1usize..8, step in 0.0f64..=1.0) {
        let lcm = n * m;
        let statistic = (step * lcm as f64).round() / lcm as f64;
        for alternative in [Alternative::TwoSided, Alternative::Less, Alternative::Greater] {
            let (on_grid, p) = ks_exact::p_value(n, m, statistic, alternative);
            let expected = counted(n, m, on_grid, alternative);
            // a certainty that rounds past 1 is left to the asymptotic formula, as in scipy
            let p = p.unwrap_or(1.0);
            prop_assert!((p - expected).abs() < 1e-12, "{n} {m} {on_grid} {alternative:?}: {p:?} is not {expected}");
        }
    }

    // breaks when: the merge walks past equal values or misses a side's end
    #[test]
    fn statistic_equals_a_naive_scan(reference in prop::collection::vec(-5i32..5, 1..40), current in prop::collection::vec(-4i32..9, 1..40)) {
        let share = |values: &[i32], x: i32| values.iter().filter(|v| **v <= x).count() as f64 / values.len() as f64;
        let naive = (-6..10).map(|x| (share(&reference, x) - share(&current, x)).abs()).fold(0.0, f64::max);
        let keys = |values: &[i32]| keys_of(&values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
        let test = ks_test(&keys(&reference), &keys(&current), Method::Asymptotic, Alternative::TwoSided);
        prop_assert!((test.statistic - naive).abs() < 1e-15);
        let at = test.location as i32;
        let there = share(&reference, at) - share(&current, at);
        prop_assert!((there - f64::from(test.sign) * test.statistic).abs() < 1e-15, "the location is where the statistic is");
    }
}

// breaks when: sizes beyond scipy's reach are claimed to be exact
#[test]
fn falls_back_where_scipy_falls_back() {
    let side = |n: u32, shift: f64| keys_of(&(0..n).map(|i| f64::from(i) + shift).collect::<Vec<_>>());
    let used = |n, m, method, alternative| ks_test(&side(n, 0.0), &side(m, 3.5), method, alternative).method;
    assert_eq!(used(10_000, 9_999, Method::Auto, Alternative::TwoSided), MethodUsed::Exact);
    assert_eq!(used(10_001, 10, Method::Auto, Alternative::TwoSided), MethodUsed::Asymptotic);
    assert_eq!(
        used(600, 500, Method::Auto, Alternative::Less),
        MethodUsed::Asymptotic,
        "path counts overflow"
    );
    assert_eq!(
        used(600, 600, Method::Auto, Alternative::Less),
        MethodUsed::Exact,
        "equal sizes need no counts"
    );
    assert!(!ks_exact::is_feasible(65_537, 65_539));
}
