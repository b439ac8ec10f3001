use proptest::prelude::*;

use super::*;

fn keys_of(values: &[f64]) -> Vec<u64> {
    let mut keys: Vec<u64> = values.iter().map(|&value| key_of(value)).collect();
    keys.sort_unstable();
    keys
}

fn quantile_edges_of(values: &[f64], bins: usize) -> Vec<f64> {
    let keys = keys_of(values);
    quantile_edges(keys.len(), bins, |position| keys[position])
}

fn uniform_edges_of(values: &[f64], bins: usize) -> Vec<f64> {
    let keys = keys_of(values);
    uniform_edges(value_of(keys[0]), value_of(keys[keys.len() - 1]), bins)
}

// breaks when: a repeated quantile loses its own bin: a constant or zero-inflated column becomes a blind spot
#[test]
fn repeated_edges_become_atoms() {
    let up = f64::next_up;
    assert_eq!(quantile_edges_of(&[3.0; 9], 10), [3.0, up(3.0)]);
    assert_eq!(uniform_edges_of(&[3.0; 9], 10), [3.0, up(3.0)]);
    assert_eq!(quantile_edges_of(&[7.0], 4), [7.0, up(7.0)]);
    assert_eq!(quantile_edges_of(&[f64::MAX; 9], 10), [f64::MAX], "nothing lies above");
    assert_eq!(quantile_edges_of(&[0.0, 0.0, 0.0, 10.0], 4), [0.0, up(0.0), 2.5]);
    assert_eq!(quantile_edges_of(&[-0.0, 0.0, 0.0, 0.0], 4)[0].to_bits(), 0, "no negative zero");
    // the deciles of eleven values are values: 0.3, 0.6 and 0.7 must not be rounded up past them
    let eleven: Vec<f64> = (1..=11).map(f64::from).collect();
    assert_eq!(quantile_edges_of(&eleven, 10), eleven[1..10]);
    assert_eq!(uniform_edges_of(&[0.0, 10.0], 5), [2.0, 4.0, 6.0, 8.0]);
}

// breaks when: the ends of the number line overflow into NaN edges
#[test]
fn extreme_values_give_finite_rising_edges() {
    let tiny = f64::from_bits(1);
    for values in [
        &[f64::MIN, f64::MAX][..],
        &[-tiny, 0.0, tiny],
        &[f64::MAX, f64::MAX],
        &[i64::MIN as f64, i64::MAX as f64],
    ] {
        for bins in [2, 3, 10, 100] {
            for edges in [quantile_edges_of(values, bins), uniform_edges_of(values, bins)] {
                assert!(edges.iter().all(|edge| !edge.is_nan()), "{values:?} {edges:?}");
                assert!(edges.windows(2).all(|pair| pair[0] < pair[1]), "{values:?} {edges:?}");
            }
        }
    }
}

proptest! {
    // breaks when: one of the three ways to count puts a value at an edge into another bin
    #[test]
    fn all_ways_of_counting_agree(values in prop::collection::vec(prop_oneof![-5i32..5, -1000i32..1000], 1..300),
                                  edges in prop::collection::btree_set(-10i32..10, 1..40)) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let edges: Vec<f64> = edges.into_iter().map(f64::from).collect();
        let mut naive = vec![0u64; edges.len() + 1];
        for value in &values {
            naive[edges.iter().filter(|edge| *edge <= value).count()] += 1;
            prop_assert_eq!(bin_of(*value, &edges), edges.iter().filter(|edge| *edge <= value).count());
        }
        let mut counted = vec![0; edges.len() + 1];
        let (first, second) = values.split_at(values.len() / 3);
        add_counts(&mut counted, first, &edges);
        add_counts(&mut counted, second, &edges);
        prop_assert_eq!(&counted, &naive);
        prop_assert_eq!(&counts_of_sorted(&keys_of(&values), &edges), &naive);
        let mut of_keys = vec![0; edges.len() + 1];
        add_key_counts(&mut of_keys, &values.iter().map(|&value| key_of(value)).collect::<Vec<_>>(), &edges);
        prop_assert_eq!(of_keys, naive);
    }

    // breaks when: a quantile leaves its two neighbours, or the ends are not the least and the largest value
    #[test]
    fn quantiles_lie_between_their_neighbours(values in prop::collection::vec(-1e6f64..1e6, 1..200), part in 0usize..=60) {
        let keys = keys_of(&values);
        let nth = |position: usize| keys[position];
        let at = quantile_part(keys.len(), part, 60, nth);
        let scaled = (values.len() - 1) * part;
        prop_assert!(at >= value_of(keys[scaled / 60]) && at <= value_of(keys[scaled.div_ceil(60)]));
        prop_assert_eq!(quantile_part(keys.len(), 0, 60, nth), value_of(keys[0]));
        prop_assert_eq!(quantile_part(keys.len(), 60, 60, nth), value_of(keys[values.len() - 1]));
    }

    // breaks when: the edges ask for an order statistic that was not selected
    #[test]
    fn positions_cover_what_the_edges_ask_for(length in 1usize..300, bins in 2usize..50) {
        let positions = quantile_positions(length, bins);
        prop_assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
        quantile_edges(length, bins, |position| {
            assert!(positions.binary_search(&position).is_ok());
            key_of(position as f64)
        });
    }
}
