use proptest::prelude::*;

use super::*;

fn sorted_runs() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let run = prop::collection::vec(prop_oneof![0u64..20, any::<u64>()], 0..60).prop_map(|mut run| {
        run.sort_unstable();
        run
    });
    prop::collection::vec(run, 0..5)
}

proptest! {
    // breaks when: merging loses order, or searching several runs differs from searching one
    #[test]
    fn runs_behave_as_one_sorted_list(runs in sorted_runs(), probe in any::<u64>()) {
        let mut all = runs.concat();
        all.sort_unstable();
        let slices: Vec<&[u64]> = runs.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(&merge(&slices), &all);
        let merged = SortedRuns::new(slices.iter().copied());
        // as large inputs are kept: not merged
        let kept = SortedRuns { runs: slices.iter().map(|run| (*run).into()).collect(), len: all.len() };
        for runs in [merged, kept] {
            prop_assert_eq!(runs.len(), all.len());
            for probe in [probe, 0, 7, u64::MAX] {
                prop_assert_eq!(runs.rank(probe), all.iter().filter(|key| **key < probe).count());
            }
            for (position, key) in all.iter().enumerate() {
                prop_assert_eq!(runs.nth(position), *key);
            }
            prop_assert_eq!(&runs.into_merged()[..], &all[..]);
        }
    }

    // breaks when: subtracting drops a key too many, or hides one that is not there
    #[test]
    fn subtracting_takes_each_key_once(mut keys in prop::collection::vec(0u64..30, 0..80), picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
                                       strangers in prop::collection::vec(100u64..110, 0..3)) {
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
