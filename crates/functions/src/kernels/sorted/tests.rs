use proptest::prelude::*;

use super::*;

fn sorted_runs() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let run = prop::collection::vec(prop_oneof![0u64..20, any::<u64>()], 0..60).prop_map(|mut run| {
        run.sort_unstable();
        run
    });
    prop::collection::vec(run, 0..6)
}

proptest! {
    // breaks when: merging loses a key or the order
    #[test]
    fn merging_equals_sorting(runs in sorted_runs()) {
        let mut all = runs.concat();
        all.sort_unstable();
        let slices: Vec<&[u64]> = runs.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(&merge(&slices)[..], &all[..]);
    }

    // breaks when: subtracting drops a key too many, or hides one that is not there
    #[test]
    fn subtracting_takes_each_key_once(
        mut keys in prop::collection::vec(0u64..30, 0..80),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        strangers in prop::collection::vec(100u64..110, 0..3),
    ) {
        let mut left = keys.clone();
        let mut removed = strangers.clone();
        for pick in picks {
            if !left.is_empty() {
                removed.push(left.swap_remove(pick.index(left.len())));
            }
        }
        keys.sort_unstable();
        left.sort_unstable();
        removed.sort_unstable();
        prop_assert_eq!(subtract(&mut keys, &removed), strangers.len());
        prop_assert_eq!(keys, left);
    }
}
