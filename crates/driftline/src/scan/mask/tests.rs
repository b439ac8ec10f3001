use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    // breaks when a mask has other rows than it was made of, few or many, or counts them wrongly
    #[test]
    fn a_mask_has_the_rows_that_it_was_made_of(
        of in 1_usize..20_000,
        every in 1_usize..9,
        other in 1_usize..9,
        start in 0_u32..100_000,
    ) {
        let bits = BooleanBuffer::collect_bool(of, |row| row % every == 0);
        let set: RowSet = bits.set_indices_u32().map(|row| row + start).chain([start + of as u32]).collect();
        let unit = start..start + of as u32;
        let others = BooleanBuffer::collect_bool(of, |row| row % other == 0);
        for mask in [Mask::of_bits(bits.clone()), Mask::of_set(&set, unit).unwrap()] {
            prop_assert_eq!(mask.bits().values().clone(), bits.clone());
            prop_assert_eq!((mask.of(), mask.count()), (of, bits.count_set_bits()));
            let numbers: Vec<u32> = bits.set_indices_u32().collect();
            prop_assert_eq!(mask.few().map(|few| few.to_vec()), (numbers.len() <= 4_096).then_some(numbers));
            let both = mask.and(&others);
            prop_assert_eq!(both.bits().values().clone(), &bits & &others);
            prop_assert_eq!(both.count(), (&bits & &others).count_set_bits());
        }
        prop_assert!(Mask::of_set(&set, 200_000..200_010).is_none());
    }
}
