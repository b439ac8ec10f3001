use proptest::prelude::*;

use super::*;

proptest! {
    // breaks when: a split loses its offset, or equal keys end up on the wrong side
    #[test]
    fn selecting_equals_sorting(mut keys in prop::collection::vec(prop_oneof![0u64..50, any::<u64>()], 1..2000),
                                picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let mut positions: Vec<usize> = picks.iter().map(|pick| pick.index(keys.len())).collect();
        positions.sort_unstable();
        positions.dedup();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        let expected: Vec<u64> = positions.iter().map(|&position| sorted[position]).collect();
        prop_assert_eq!(order_statistics(&mut keys, &positions), expected);
        keys.sort_unstable();
        prop_assert_eq!(keys, sorted, "selection only reorders");
    }
}
