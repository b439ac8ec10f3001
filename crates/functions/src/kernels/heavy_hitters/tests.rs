use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn lessen(counts: &mut BTreeMap<u8, u64>, keep: usize) -> u64 {
    let by = lessen_by(&mut counts.values().copied().collect::<Vec<_>>(), keep);
    counts.retain(|_, count| {
        *count -= (*count).min(by);
        *count > 0
    });
    by
}

proptest! {
    // breaks when: too many counters stay, a count passes the truth, or the error passes its bound
    #[test]
    fn counters_stay_within_the_bound(parts in prop::collection::vec(prop::collection::vec(0u8..30, 0..80), 1..5), keep in 1usize..12) {
        let mut truth: BTreeMap<u8, u64> = BTreeMap::new();
        let (mut merged, mut error) = (BTreeMap::new(), 0);
        for part in &parts {
            let mut counts = BTreeMap::new();
            for &value in part {
                *truth.entry(value).or_default() += 1;
                *counts.entry(value).or_default() += 1;
                if counts.len() > 2 * keep {
                    error += lessen(&mut counts, keep);
                }
            }
            for (value, count) in counts {
                *merged.entry(value).or_default() += count;
            }
            error += lessen(&mut merged, keep);
        }
        let n: u64 = truth.values().sum();
        prop_assert!(merged.len() <= keep);
        prop_assert!(error <= n / (keep as u64 + 1));
        for (value, count) in truth {
            let counted = merged.get(&value).copied().unwrap_or(0);
            prop_assert!(counted <= count && count - counted <= error, "{}: {} of {}, error {}", value, counted, count, error);
        }
    }
}
