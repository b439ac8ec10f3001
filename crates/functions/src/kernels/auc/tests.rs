use proptest::prelude::*;

use super::*;

// breaks when: ties count whole or not at all, or a missing side gives a number
#[test]
fn small_cases() {
    assert_eq!(roc_auc(&[1, 2], &[3, 4]), Some(1.0));
    assert_eq!(roc_auc(&[3, 4], &[1, 2]), Some(0.0));
    assert_eq!(roc_auc(&[5, 5, 5], &[5]), Some(0.5));
    assert_eq!(roc_auc(&[1, 5], &[5, 6]), Some(0.875));
    assert_eq!(roc_auc(&[], &[1]), None);
    assert_eq!(roc_auc(&[1], &[]), None);
}

proptest! {
    // breaks when: the walk over both sides loses or doubles a pair
    #[test]
    fn it_is_the_share_of_ordered_pairs(
        mut negatives in prop::collection::vec(0u64..12, 1..60),
        mut positives in prop::collection::vec(0u64..12, 1..60),
    ) {
        negatives.sort_unstable();
        positives.sort_unstable();
        let mut twice = 0;
        for n in &negatives {
            for p in &positives {
                twice += if p > n { 2 } else { u32::from(p == n) };
            }
        }
        let expected = f64::from(twice) / (2 * negatives.len() * positives.len()) as f64;
        prop_assert_eq!(roc_auc(&negatives, &positives), Some(expected));
    }
}
