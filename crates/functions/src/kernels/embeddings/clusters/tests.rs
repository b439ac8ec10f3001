use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Cluster, clusters, distance_quantiles};
use crate::kernels::embeddings::sample::Sample;

fn sample<'a>(vectors_max: usize, rows: impl IntoIterator<Item = &'a Vec<f64>>) -> Sample {
    let mut sample = Sample::new(vectors_max);
    rows.into_iter().for_each(|row| sample.add(row, 1));
    sample
}

// breaks when a cluster is missed, gets another's rows, or its centroid is no mean
#[test]
fn finds_clusters_that_lie_apart() {
    let middles = [[-50.0, 0.0, 3.0], [0.0, 70.0, -3.0], [10.0, -40.0, 0.0], [90.0, 90.0, 9.0]];
    let offsets = [[0.5, 0.0, 0.25], [-0.5, 0.25, 0.0], [0.0, -0.25, -0.25]];
    let at = |middle: [f64; 3], offset: [f64; 3]| (0..3).map(|i| middle[i] + offset[i]).collect::<Vec<f64>>();
    let rows: Vec<Vec<f64>> =
        offsets.iter().flat_map(|&offset| middles.map(|middle| at(middle, offset))).collect();
    let sample = sample(100, &rows);
    let expected: Vec<Cluster> =
        middles.iter().map(|middle| Cluster { centroid: middle.to_vec(), rows: 3 }).collect();
    let found = clusters(&sample.sorted(), 4);
    assert_eq!(found, expected);
    let [median, .., high] = distance_quantiles(&sample.sorted(), &found).unwrap();
    // of four distances each
    let squares = [0.125f64, 0.3125, 0.3125];
    assert_eq!((median, high), (squares[1].sqrt(), squares[2].sqrt()));
}

// breaks when rows that are equal count once, or the quantile is of another type
#[test]
fn equal_rows_count_each() {
    let rows: Vec<Vec<f64>> = [0.0, -0.0, 0.0, 10.0, 10.0, 14.0].map(|x| vec![x]).into();
    let sample = sample(100, &rows);
    let every = clusters(&sample.sorted(), 16);
    let of = |x: f64, rows| Cluster { centroid: vec![x], rows };
    assert_eq!(every, [of(0.0, 3), of(10.0, 2), of(14.0, 1)]);
    assert_eq!(distance_quantiles(&sample.sorted(), &every), Some([0.0; 5]));
    let one = clusters(&sample.sorted(), 1);
    assert_eq!(one, [of(34.0 / 6.0, 6)]);
    // sorted distances: 13/3 twice, 17/3 three times, 25/3
    let quantiles = distance_quantiles(&sample.sorted(), &one).unwrap();
    let expected = [17.0 / 3.0, 7.0, 23.0 / 3.0, (0.05 * 17.0 + 0.95 * 25.0) / 3.0];
    for (quantile, expected) in quantiles.iter().zip(expected) {
        assert!((quantile - expected).abs() < 1e-12, "{quantiles:?}");
    }
    assert_eq!(clusters(&[], 4), []);
    assert_eq!(distance_quantiles(&[], &[]), None);
}

// breaks when a square beyond the range of DOUBLE makes a centroid that is none
#[test]
fn extreme_coordinates_have_centroids() {
    for unit in [f64::MAX, 1e200, 1e-200, 5e-324] {
        let rows: Vec<Vec<f64>> = [-1.0, 1.0].map(|x| vec![x * unit, unit]).into();
        let sample = sample(100, rows.iter().chain(&rows));
        let found = clusters(&sample.sorted(), 2);
        let expected = rows.iter().map(|row| Cluster { centroid: row.clone(), rows: 2 }).collect::<Vec<_>>();
        assert_eq!(found, expected, "{unit}");
        let one = clusters(&sample.sorted(), 1);
        assert_eq!(one, [Cluster { centroid: vec![0.0, unit], rows: 4 }]);
        assert_eq!(distance_quantiles(&sample.sorted(), &one), Some([unit; 5]));
    }
}

proptest! {
    // breaks when the choice, or what is made of it, depends on order or parts, or a count is lost
    #[test]
    fn order_and_parts_do_not_matter(
        (rows, shuffled) in prop::collection::vec(prop::collection::vec(-4i32..4, 2), 1..80)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        vectors_max in 1usize..40,
        count in 1usize..6,
        part in 0.0f64..1.0,
    ) {
        let floats = |rows: Vec<Vec<i32>>| -> Vec<Vec<f64>> {
            rows.iter().map(|row| row.iter().map(|&x| f64::from(x) / 3.0).collect()).collect()
        };
        let (rows, shuffled) = (floats(rows), floats(shuffled));
        let whole = sample(vectors_max, &rows);
        let (one, other) = shuffled.split_at((shuffled.len() as f64 * part) as usize);
        let mut merged = sample(vectors_max, one);
        sample(vectors_max, other).iter().for_each(|counted| merged.add(&counted.vector, counted.rows));
        prop_assert_eq!(whole.sorted(), merged.sorted());
        prop_assert_eq!(whole.heap_bytes(), merged.heap_bytes());

        let mut counts = BTreeMap::new();
        rows.iter().for_each(|row| *counts.entry(format!("{row:?}")).or_insert(0) += 1);
        prop_assert_eq!(whole.iter().count(), counts.len().min(vectors_max));
        for counted in whole.iter() {
            prop_assert_eq!(counted.rows, counts[&format!("{:?}", counted.vector)]);
        }

        let found = clusters(&whole.sorted(), count);
        prop_assert_eq!(&found, &clusters(&merged.sorted(), count));
        prop_assert!(!found.is_empty() && found.len() <= count);
        let chosen: u64 = whole.iter().map(|counted| counted.rows).sum();
        prop_assert_eq!(found.iter().map(|cluster| cluster.rows).sum::<u64>(), chosen);
        let quantiles = distance_quantiles(&whole.sorted(), &found).unwrap();
        prop_assert!(quantiles[0] >= 0.0 && quantiles.is_sorted());
    }
}
