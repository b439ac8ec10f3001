use proptest::prelude::*;

use super::*;

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    middle(values[(values.len() - 1) / 2], values[values.len() / 2])
}

fn naive(values: &[Option<f64>], range: Range<usize>) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = values[range].iter().flatten().copied().collect();
    if values.is_empty() {
        return None;
    }
    let center = median(&mut values);
    let mut distances: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    Some((center, median(&mut distances)))
}

proptest! {
    // breaks when: a rank is lost, ties are counted once, or the two lists of distances are joined wrongly
    #[test]
    fn equals_sorting_every_range(
        values in prop::collection::vec(
            prop::option::weighted(0.8, prop_oneof![(-4..4i32).prop_map(f64::from), -10.0..10.0f64]),
            1..50,
        ),
        ranges in prop::collection::vec((0..50usize, 0..50usize), 1..30),
    ) {
        let mut ranked = RankedRange::new(values.iter().copied());
        for (a, b) in ranges {
            let range = a.min(b).min(values.len())..a.max(b).min(values.len());
            ranked.advance(range.clone());
            prop_assert_eq!(ranked.median_and_deviation(), naive(&values, range));
        }
    }
}

// breaks when: an end of the list of distances is passed
#[test]
fn small_ranges() {
    let deviation = |values: &[f64]| {
        let mut ranked = RankedRange::new(values.iter().copied().map(Some));
        ranked.advance(0..values.len());
        ranked.median_and_deviation()
    };
    assert_eq!(deviation(&[]), None);
    assert_eq!(deviation(&[5.0]), Some((5.0, 0.0)));
    assert_eq!(deviation(&[5.0, 7.0]), Some((6.0, 1.0)));
    assert_eq!(deviation(&[0.0, -0.0, 0.0]), Some((0.0, 0.0)));
    assert_eq!(deviation(&[1.0, 1.0, 1.0, 9.0]), Some((1.0, 0.0)));
    assert_eq!(deviation(&[1e140, -1e140]), Some((0.0, 1e140)));
}
