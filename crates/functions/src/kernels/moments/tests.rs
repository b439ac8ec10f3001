use proptest::prelude::*;

use super::*;

/// Two passes over the values of a range.
fn naive(values: &[Option<f64>], range: Range<usize>) -> (u64, f64, f64) {
    let values: Vec<f64> = values[range].iter().flatten().copied().collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() as u64, mean, squares)
}

/// Ranges whose ends only move forward, by the given steps.
fn moving(steps: &[(usize, usize)], rows: usize) -> impl Iterator<Item = Range<usize>> {
    steps.iter().scan((0, 0), move |(start, end), &(start_by, end_by)| {
        *end = (*end + end_by).min(rows);
        *start = (*start + start_by).min(rows);
        Some(*start..(*end).max(*start))
    })
}

proptest! {
    // breaks when: a row is counted twice, left in a range that it has left, or lost when the older rows are used up
    #[test]
    fn sliding_equals_counting_afresh(
        values in prop::collection::vec(prop::option::weighted(0.8, -1e3..1e3f64), 1..60),
        steps in prop::collection::vec((0..5usize, 0..6usize), 1..80),
    ) {
        let mut sliding = SlidingMoments::default();
        for range in moving(&steps, values.len()) {
            let moments = sliding.advance(range.clone(), |row| values[row]);
            let (count, mean, squares) = naive(&values, range);
            prop_assert_eq!(moments.count(), count);
            if count > 0 {
                prop_assert!((moments.mean().unwrap() - mean).abs() <= 1e-9);
                let deviation = moments.deviation(0).unwrap();
                prop_assert!((deviation.powi(2) * count as f64 - squares).abs() <= 1e-6 * squares.max(1.0));
            }
        }
    }

    // breaks when: joining parts depends on where they were cut
    #[test]
    fn parts_join_to_the_whole(values in prop::collection::vec(-1e3..1e3f64, 2..50), cut in 0..50usize) {
        let of = |values: &[f64]| {
            let mut moments = Moments::default();
            values.iter().for_each(|&value| moments.add(value));
            moments
        };
        let (left, right) = values.split_at(cut.min(values.len()));
        let (joined, whole) = (of(left).merge(of(right)), of(&values));
        prop_assert_eq!(joined.count(), whole.count());
        prop_assert!((joined.mean().unwrap() - whole.mean().unwrap()).abs() <= 1e-9);
        prop_assert!((joined.deviation(1).unwrap() - whole.deviation(1).unwrap()).abs() <= 1e-8);
    }
}

// breaks when: what has left is subtracted, and its rounding stays
#[test]
fn an_outlier_leaves_nothing_behind() {
    let values = [1.0, 2.0, 3.0, 1e16, 4.0, 5.0, 6.0, 7.0];
    let mut sliding = SlidingMoments::default();
    let last = (0..6).map(|start| sliding.advance(start..start + 3, |row| Some(values[row]))).last().unwrap();
    assert_eq!(last.mean(), Some(6.0));
    assert_eq!(last.deviation(1), Some(1.0));
}

// breaks when: equal values have a spread by rounding, so that their scores are huge instead of absent
#[test]
fn equal_values_have_no_deviation() {
    let mut sliding = SlidingMoments::default();
    for start in 0..20 {
        let moments = sliding.advance(start..start + 7, |_| Some(0.1));
        assert_eq!(moments.deviation(0), Some(0.0));
        assert_eq!(moments.mean(), Some(0.1));
    }
    assert_eq!(Moments::default().deviation(0), None);
    assert_eq!(Moments::default().mean(), None);
}

// breaks when: the largest usable values give a NaN
#[test]
fn the_largest_values_stay_numbers() {
    let largest = crate::kernels::streams::MAGNITUDE_MAX;
    let mut sliding = SlidingMoments::default();
    for start in 0..50 {
        let moments =
            sliding.advance(start..start + 9, |row| Some(if row % 2 == 0 { largest } else { -largest }));
        assert!(moments.mean().unwrap().is_finite());
        assert!(moments.deviation(1).unwrap().is_finite());
    }
}
