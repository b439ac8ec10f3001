use proptest::prelude::*;

use super::*;
use crate::kernels::keys::value_of;

proptest! {
    // breaks when: a row at a word's border, behind an offset, or next to a NaN is lost or taken twice
    #[test]
    fn collects_what_a_loop_collects(rows in prop::collection::vec((prop::num::f64::ANY, any::<bool>()), 0..400),
                                     all in any::<bool>(), offset in 0usize..70) {
        let offset = offset.min(rows.len());
        let values: Vec<f64> = rows.iter().map(|row| row.0).collect();
        let selected: BooleanBuffer = rows.iter().map(|row| row.1 || all).collect();
        let (values, selected) = (&values[offset..], selected.slice(offset, rows.len() - offset));
        let expected: Vec<f64> = values.iter().zip(&selected).filter(|(v, s)| *s && v.is_finite()).map(|(v, _)| *v).collect();
        let mut collected = vec![7.0];
        append_values(&mut collected, values, &selected);
        prop_assert_eq!(&collected[1..], &expected[..]);
        let mut keys = Vec::new();
        append_keys(&mut keys, values, &selected);
        prop_assert_eq!(keys.into_iter().map(value_of).collect::<Vec<_>>(), expected);
    }
}
