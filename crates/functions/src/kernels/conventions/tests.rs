use super::*;

// Trap 3: what is put into empty bins decides the number. breaks when: one of the fillings changes
#[test]
fn fillings_of_empty_bins() {
    let (r, c) = ([50, 50, 0], [40, 40, 20]);
    let close =
        |ours: f64, expected: f64| assert!((ours - expected).abs() < 1e-12, "{ours} is not {expected}");
    let part = |p: f64, q: f64| (p - q) * (p / q).ln();
    let same = 2.0 * part(0.5, 0.4);
    close(evidently::psi(&r, &c), same + part(0.0001, 0.2));
    close(popmon::psi(&r, &c), 2.0 * part(0.50001, 0.40001) + part(0.00001, 0.20001));
    close(fiddler::psi(&r, &c), 2.0 * part(51.0 / 103.0, 41.0 / 103.0) + part(1.0 / 103.0, 21.0 / 103.0));
    close(deepchecks::psi(&r, &c).unwrap(), same + part(0.01, 0.2));
    // a share below 0.0001 makes evidently fill with a millionth of it
    close(evidently::psi(&[19_999, 1, 0], &[9000, 500, 500]), {
        let rare = 1.0 / 20_000.0;
        part(19_999.0 / 20_000.0, 0.9) + part(rare, 0.05) + part(rare / 1e6, 0.05)
    });
}

// Trap 6: up to 20 distinct reference values are categories to evidently, so 20 rows of a continuous column are a maximal
// drift. breaks when: the switch moves
#[test]
fn few_values_are_categories_to_evidently() {
    let keys =
        |range: std::ops::Range<u64>| range.map(|i| super::super::keys::key_of(i as f64)).collect::<Vec<_>>();
    let distance = |r: &[u64], c: &[u64]| {
        let [r, c] = evidently::bins(r, c, false);
        evidently::js_distance(&r, &c).unwrap()
    };
    let longest = std::f64::consts::LN_2.sqrt();
    let halves: Vec<u64> = (0..20).map(|i| super::super::keys::key_of(f64::from(i) + 0.5)).collect();
    assert!((distance(&keys(0..20), &halves) - longest).abs() < 1e-12);
    assert!(distance(&keys(0..21), &halves) < 0.5 * longest);
}

// breaks when: too few values get a score, or the tails are cut elsewhere than at their quantiles
#[test]
fn deepchecks_asks_for_ten_values() {
    assert_eq!(deepchecks::psi(&[9], &[10]), None);
    assert_eq!(deepchecks::earth_movers_distance(&[1; 10], &[1; 9]), None);
    let keys =
        |range: std::ops::Range<u64>| range.map(|i| super::super::keys::key_of(i as f64)).collect::<Vec<_>>();
    assert_eq!(deepchecks::earth_movers_distance(&keys(0..100), &keys(0..100)), Some(0.0));
    let three = super::super::keys::key_of(3.0);
    assert_eq!(deepchecks::earth_movers_distance(&[three; 12], &[three; 10]), Some(0.0));
}

// breaks when: an outlier makes popmon's bins as many as its distance
#[test]
fn sparse_bins_do_not_grow_with_an_outlier() {
    let key = super::super::keys::key_of;
    let mut values: Vec<u64> = (0..100).map(|i| key(f64::from(i))).collect();
    values.push(key(1e300));
    let [r, c] = popmon::bins(&values, &values, false);
    assert!(r.len() <= 101 && r == c && r.iter().sum::<u64>() == 101);
}

// breaks when: deepchecks' rare categories (below 1 % of the reference) are kept apart, or others are put together
#[test]
fn deepchecks_puts_rare_categories_together() {
    let part = |p: f64, q: f64| (p - q) * (p / q).ln();
    let psi = |r: &[u64], c: &[u64]| deepchecks::psi(r, c).unwrap();
    let apart = part(0.97, 0.94) + part(0.015, 0.01) + part(0.015, 0.05);
    assert!((psi(&[970, 15, 15], &[940, 10, 50]) - apart).abs() < 1e-12);
    let together = part(0.982, 0.94) + part(0.018, 0.06);
    assert!((psi(&[982, 9, 9], &[940, 10, 50]) - together).abs() < 1e-12);
}
