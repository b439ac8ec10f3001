use super::*;

// breaks when: what an addition rounds away is dropped
#[test]
fn keeps_what_plain_sums_lose() {
    let sum = |terms: &[f64]| terms.iter().copied().collect::<Compensated>().value();
    assert_eq!(sum(&[]), 0.0);
    assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
    assert_eq!(sum(&[0.1; 10]), 1.0);
}
