use proptest::prelude::*;

use super::*;

// breaks when: the clipping leaves infinity, or certainty is not free
#[test]
fn losses_of_a_row() {
    assert_eq!(log_loss(true, 0.5), std::f64::consts::LN_2);
    assert_eq!(log_loss(true, 0.0), log_loss(false, 1.0));
    assert!((log_loss(true, 0.0) - 36.043_653_389_117_15).abs() < 1e-12);
    assert!(log_loss(true, 1.0).is_sign_positive() && log_loss(true, 1.0) < 3e-16);
    assert_eq!(squared_error(true, 0.25), 0.5625);
    assert_eq!(squared_error(false, 0.25), 0.0625);
}

// breaks when: a probability on an edge goes up, or rounding puts one into a neighbour's bin
#[test]
fn edges_belong_to_the_bin_below() {
    for bins in [2, 3, 7, 10, 15, 49, 100, 10_000] {
        assert_eq!(uniform_bin(0.0, bins), 0);
        assert_eq!(uniform_bin(1.0, bins), bins - 1);
        for edge in 1..bins {
            let p = edge as f64 / bins as f64;
            assert_eq!(uniform_bin(p, bins), edge - 1, "{edge}/{bins}");
            assert_eq!(uniform_bin(p.next_up(), bins), edge, "above {edge}/{bins}");
            assert_eq!(uniform_bin(p.next_down(), bins), edge - 1, "below {edge}/{bins}");
        }
    }
}

// breaks when: a repeated quantile makes a bin of its own, or one value is no bin
#[test]
fn repeated_quantiles_are_one_edge() {
    let keys = |values: &[f64]| values.iter().map(|&value| key_of(value)).collect::<Vec<_>>();
    let bins = quantile_bins(&keys(&[0.2, 0.2, 0.2]), &keys(&[0.2, 0.9]), 4);
    assert_eq!(bins.len(), 2);
    assert_eq!((bins[0].lo, bins[0].hi, bins[0].count, bins[0].positives), (0.2, 0.2, 4, 1));
    assert_eq!((bins[1].lo, bins[1].hi, bins[1].count, bins[1].positives), (0.2, 0.9, 1, 1));
    assert_eq!(quantile_bins(&keys(&[0.5]), &[], 10).len(), 1);
    assert_eq!(quantile_bins(&[], &[], 10), []);
    assert_eq!(expected_error(&[]), None);
}

proptest! {
    // breaks when: a row is lost, counted twice or put outside its bin's edges
    #[test]
    fn bins_hold_every_row_between_their_edges(
        rows in prop::collection::vec((any::<bool>(), prop_oneof![0.0f64..=1.0, (0u8..6).prop_map(|n| f64::from(n) / 5.0)]), 1..120),
        count in 2usize..20,
    ) {
        let side = |wanted: bool| {
            let mut keys: Vec<u64> = rows.iter().filter(|row| row.0 == wanted).map(|row| key_of(row.1)).collect();
            keys.sort_unstable();
            keys
        };
        let mut tallies = vec![(0, 0, 0); count];
        for &(positive, p) in &rows {
            let tally = &mut tallies[uniform_bin(p, count)];
            *tally = (tally.0 + 1, tally.1 + u64::from(positive), tally.2 + fixed::of(p));
        }
        let uniform = uniform_bins(tallies.into_iter());
        let quantile = quantile_bins(&side(false), &side(true), count);
        for bins in [&uniform, &quantile] {
            let mut seen = 0;
            for (index, bin) in bins.iter().enumerate() {
                let inside: Vec<_> = rows
                    .iter()
                    .filter(|(_, p)| *p <= bin.hi && (*p > bin.lo || (index == 0 && *p >= bin.lo)))
                    .collect();
                prop_assert_eq!(inside.len() as u64, bin.count);
                prop_assert_eq!(inside.iter().filter(|row| row.0).count() as u64, bin.positives);
                let mean = inside.iter().map(|row| row.1).sum::<f64>() / inside.len() as f64;
                prop_assert!((mean - bin.mean_predicted()).abs() < 1e-12);
                seen += bin.count;
            }
            prop_assert_eq!(seen, rows.len() as u64);
            prop_assert!((0.0..=1.0).contains(&expected_error(bins).unwrap()));
        }
    }
}
