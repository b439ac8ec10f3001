use super::*;
use crate::kernels::keys::key_of;

fn keys(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    let mut keys: Vec<u64> = values.into_iter().map(key_of).collect();
    keys.sort_unstable();
    keys
}

// Trap 13: numpy's rules make no bin narrower than 1 for whole numbers, but only by the type of the column.
// breaks when: the clamp is lost or taken for doubles too. Bins: numpy 2.4.6
#[test]
fn whole_numbers_have_no_narrower_bins_than_one() {
    assert_eq!(sturges_bins(4_000_000, 0.0, 21.0, true), 21);
    assert_eq!(sturges_bins(4_000_000, 0.0, 21.0, false), 23);
    assert_eq!((sturges_bins(100, 0.0, 1.0, true), sturges_bins(100, 0.0, 1.0, false)), (1, 8));
    let steps = keys((0..3000).map(|i| f64::from(i % 4)));
    assert_eq!((doane_bins(&steps, true), doane_bins(&steps, false)), (3, 13));
}

// Trap 5: the bins of Sturges' rule grow with the rows, so windows of different length are not comparable.
// breaks when: the rule is rounded otherwise than by numpy's division. Bins: numpy 2.4.6
#[test]
fn sturges_bins_grow_with_the_rows() {
    let bins = [1, 2, 3, 20, 1000, 1024, 10_000, 1_000_000].map(|n| sturges_bins(n, -3.0, 7.7, false));
    assert_eq!(bins, [1, 2, 3, 6, 11, 11, 15, 21]);
}

// breaks when: a range of nothing, or one that overflows, panics or makes edges that are not numbers
#[test]
fn extreme_ranges_have_bins() {
    let tiny = f64::from_bits(1);
    for values in [[3.0, 3.0], [0.0, tiny], [f64::MIN, f64::MAX], [-0.0, 0.0], [1e300, f64::next_up(1e300)]] {
        let keys = keys(values);
        let (low, high) = (values[0], values[1]);
        for bins in
            [sturges_bins(2, low, high, false), doane_bins(&keys, false), sturges_bins(2, low, high, true)]
        {
            assert!((1..=3).contains(&bins), "{values:?}: {bins}");
            let edges = edges(low, high, bins);
            assert_eq!(edges.len(), bins + 1);
            assert!(edges.windows(2).all(|pair| pair[0] <= pair[1]), "{values:?}: {edges:?}");
            assert_eq!(counts(&keys, &edges).iter().sum::<u64>(), 2, "{values:?}");
        }
    }
    assert_eq!(edges(3.0, 3.0, 1), [2.5, 3.5]);
}

// breaks when: the last edge is open, or a value outside is counted
#[test]
fn the_last_edge_is_closed() {
    let keys = keys([-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.1]);
    assert_eq!(counts(&keys, &[0.0, 1.0, 2.0]), [2, 3]);
}

// breaks when: a value at an edge falls into the bin below
#[test]
fn sparse_bins_begin_at_their_origin() {
    let bins = SparseBins { origin: 0.5, width: 2.0 };
    assert_eq!([0.4, 0.5, 2.4, 2.5, -1.5].map(|value| bins.bin_of(value)), [-1.0, 0.0, 0.0, 1.0, -1.0]);
}
