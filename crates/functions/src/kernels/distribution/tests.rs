use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::exponential::Key;
use super::super::ks::{Alternative, Method, ks_test};
use super::super::{bins, keys};
use super::*;

fn build(values: &[f64], max_buckets: u32) -> DistributionBuilder {
    let mut builder = DistributionBuilder::new(max_buckets);
    builder.add_values(values);
    builder
}

fn of(values: &[f64]) -> Distribution {
    build(values, BUCKETS_DEFAULT).finish()
}

/// Anything that a column can hold: outliers, subnormal numbers, both signs, zeros, and what is counted apart.
fn anything() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -3.0f64..3.0,
        3 => any::<u64>().prop_map(f64::from_bits),
        2 => prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(-1.0), Just(f64::MAX), Just(f64::MIN)],
        2 => prop_oneof![Just(1e-300), Just(1e300), Just(-1e300), Just(5e-324), Just(-5e-324), Just(1e-310)],
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
    ]
}

/// Finite numbers of a common size, with many ties.
fn moderate() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -3.0f64..3.0, 2 => (-4i32..5).prop_map(f64::from), 1 => 1e-3f64..1e3]
}

/// The canonical form by its definition: every number indexed at scale 20, then the finest scale that fits.
fn naive(values: &[f64], max_buckets: u32) -> (i32, BTreeMap<Key, u64>) {
    let keyed: Vec<Key> = values
        .iter()
        .filter(|value| value.is_finite() && **value != 0.0)
        .map(|&value| key_of(value))
        .collect();
    (0..=(SCALE_MAX - SCALE_MIN) as u32)
        .map(|shift| {
            let mut counts = BTreeMap::new();
            keyed.iter().for_each(|&key| *counts.entry(coarser(key, shift)).or_insert(0) += 1);
            (SCALE_MAX - shift as i32, counts)
        })
        .find(|(_, counts)| counts.len() <= max_buckets as usize)
        .expect("the coarsest scale has four buckets")
}

fn entries(distribution: &Distribution) -> BTreeMap<Key, u64> {
    let side = |buckets: &[Bucket], sign: Key| {
        buckets.iter().map(|bucket| ((Key::from(bucket.index) << 1) | sign, bucket.count)).collect::<Vec<_>>()
    };
    side(&distribution.positive, 0).into_iter().chain(side(&distribution.negative, 1)).collect()
}

proptest! {
    // breaks when: order, or the way into parts, decides a bit: a scale, a count, an end or the sum
    #[test]
    fn merging_is_exact_at_any_partitioning(
        (values, shuffled) in prop::collection::vec(anything(), 0..200)
            .prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        max_buckets in prop_oneof![Just(8u32), Just(20), Just(320)],
        nested in any::<bool>(),
    ) {
        let whole = build(&values, max_buckets).finish();
        prop_assert_eq!(whole.check(), Ok(()));
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(shuffled.len() + 1)).collect();
        ends.extend([0, shuffled.len()]);
        ends.sort_unstable();
        let parts: Vec<Distribution> =
            ends.windows(2).map(|pair| build(&shuffled[pair[0]..pair[1]], max_buckets).finish()).collect();
        // from the left, or as a tree whose halves are merged
        let merged = |parts: &[Distribution]| {
            let mut builder = DistributionBuilder::new(max_buckets);
            parts.iter().for_each(|part| builder.merge(part).unwrap());
            builder.finish()
        };
        let result = if nested {
            let (left, right) = parts.split_at(parts.len() / 2);
            merged(&[merged(right), merged(left)])
        } else {
            merged(&parts)
        };
        prop_assert_eq!(&result, &whole);
        prop_assert_eq!(result.sum_value().map(f64::to_bits), whole.sum_value().map(f64::to_bits));
        let bits = |range: Option<(f64, f64)>| range.map(|(min, max)| (min.to_bits(), max.to_bits()));
        prop_assert_eq!(bits(result.range), bits(whole.range));
    }

    // breaks when: the form is not the one of its definition, or a value is lost or counted twice
    #[test]
    fn the_form_is_that_of_the_definition(
        values in prop::collection::vec(anything(), 0..200),
        max_buckets in prop_oneof![Just(8u32), Just(50), Just(320)],
    ) {
        let distribution = build(&values, max_buckets).finish();
        let (scale, counts) = naive(&values, max_buckets);
        prop_assert_eq!(distribution.scale, scale);
        prop_assert_eq!(entries(&distribution), counts);
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        prop_assert_eq!(distribution.count(), finite.len() as u64);
        prop_assert_eq!(distribution.zero_count, finite.iter().filter(|value| **value == 0.0).count() as u64);
        let excluded = distribution.excluded;
        prop_assert_eq!(
            excluded.nans + excluded.positive_infinities + excluded.negative_infinities,
            (values.len() - finite.len()) as u64
        );
        let least = finite.iter().copied().reduce(f64::min);
        let largest = finite.iter().copied().reduce(f64::max);
        prop_assert_eq!(distribution.range, least.zip(largest));
        // one by one is the same as in blocks
        let mut single = DistributionBuilder::new(max_buckets);
        values.iter().for_each(|&value| single.add_value(value));
        prop_assert_eq!(single.finish(), distribution);
    }

    // breaks when: a quantile or share leaves what its bucket allows
    #[test]
    fn quantiles_and_shares_keep_within_their_buckets(
        mut values in prop::collection::vec(moderate(), 1..150),
        q in 0.0f64..=1.0,
        x in moderate(),
        max_buckets in prop_oneof![Just(8u32), Just(320)],
    ) {
        let distribution = build(&values, max_buckets).finish();
        values.sort_by(f64::total_cmp);
        let cells = distribution.cells(distribution.scale);
        let cell_of = |value: f64| *cells
            .iter()
            .find(|cell| Place::of(value, distribution.scale) == Some(cell.place))
            .expect("every value has a cell");
        let quantile = distribution.quantile(q).unwrap();
        let position = (values.len() - 1) as f64 * q;
        let (low, high) = (values[position.floor() as usize], values[position.ceil() as usize]);
        let slack = 1e-12;
        prop_assert!(quantile >= cell_of(low).low - slack && quantile <= cell_of(high).high + slack);
        prop_assert_eq!(distribution.quantile(0.0), Some(values[0] + 0.0));
        prop_assert_eq!(distribution.quantile(1.0), Some(values[values.len() - 1] + 0.0));

        let share = distribution.share_at_most(x).unwrap();
        let exact = values.iter().filter(|value| **value <= x).count() as f64 / values.len() as f64;
        let mass = cells.iter().filter(|cell| Place::of(x, distribution.scale) == Some(cell.place));
        let allowed = mass.map(|cell| cell.count).sum::<u64>() as f64 / values.len() as f64;
        prop_assert!((share - exact).abs() <= allowed + slack, "{share} {exact} {allowed}");
        prop_assert_eq!(distribution.share_at_most(values[values.len() - 1]), Some(1.0));
        prop_assert_eq!(distribution.share_at_most(values[0] - 1e-9), Some(0.0));
    }

    // breaks when: the raw values' number leaves the bounds
    #[test]
    fn bounds_hold_whatever_the_values(
        mut reference in prop::collection::vec(moderate(), 1..120),
        mut current in prop::collection::vec(moderate(), 1..120),
        (n, m) in (prop_oneof![Just(8u32), Just(12), Just(320)], prop_oneof![Just(8u32), Just(320)]),
    ) {
        let (r, c) = (build(&reference, n).finish(), build(&current, m).finish());
        reference.sort_by(f64::total_cmp);
        current.sort_by(f64::total_cmp);
        let keyed = |values: &[f64]| values.iter().map(|&value| keys::key_of(value)).collect::<Vec<_>>();
        let exact = ks_test(&keyed(&reference), &keyed(&current), Method::Asymptotic, Alternative::TwoSided);
        let slack = 1e-12;
        let bounds = ks(&r, &c).unwrap();
        prop_assert!(bounds.lo <= exact.statistic + slack && exact.statistic <= bounds.hi + slack, "{bounds:?}");
        prop_assert!(bounds.lo <= bounds.est && bounds.est <= bounds.hi && bounds.hi <= 1.0);

        let mut all: Vec<f64> = reference.iter().chain(&current).copied().collect();
        all.sort_by(f64::total_cmp);
        let share = |values: &[f64], x: f64| values.partition_point(|&value| value <= x) as f64 / values.len() as f64;
        let exact: f64 = all
            .windows(2)
            .map(|pair| (share(&reference, pair[0]) - share(&current, pair[0])).abs() * (pair[1] - pair[0]))
            .sum();
        let bounds = wasserstein(&r, &c).unwrap();
        let slack = slack * (1.0 + exact);
        prop_assert!(bounds.lo <= exact + slack && exact <= bounds.hi + slack, "{bounds:?} {exact}");
        prop_assert!(bounds.lo <= bounds.est && bounds.est <= bounds.hi);
        // the same both ways round
        prop_assert_eq!(ks(&c, &r), ks(&r, &c));
    }

    // breaks when: something unusual leads to a panic, NaN or infinity
    #[test]
    fn answers_are_numbers_for_any_values(
        reference in prop::collection::vec(anything(), 0..60),
        current in prop::collection::vec(anything(), 0..60),
        q in 0.0f64..=1.0,
    ) {
        let (r, c) = (build(&reference, 8).finish(), of(&current));
        for number in [r.quantile(q), r.share_at_most(q), c.quantile(q), c.share_at_most(1e300)].into_iter().flatten() {
            prop_assert!(number.is_finite());
        }
        for bounds in [ks(&r, &c), wasserstein(&r, &c)].into_iter().flatten() {
            prop_assert!(bounds.lo <= bounds.est && bounds.est <= bounds.hi && bounds.hi.is_finite(), "{bounds:?}");
        }
        match binned(&r, &c, 10) {
            None => prop_assert!(r.count() == 0 || c.count() == 0),
            Some(Binned { edges, reference, current }) => {
                prop_assert_eq!(reference.iter().sum::<u64>(), r.count());
                prop_assert_eq!(current.iter().sum::<u64>(), c.count());
                prop_assert!(reference.len() <= 19);
                prop_assert_eq!(edges.len() + 1, reference.len());
                prop_assert!(edges.windows(2).all(|pair| pair[0] <= pair[1]));
            }
        }
    }
}

// breaks when: bins do not follow the reference's deciles
#[test]
fn bins_are_the_deciles_of_the_reference() {
    let reference: Vec<f64> = (1..=1000).map(|i| 1.0 + f64::from(i) / 1000.0).collect();
    let current: Vec<f64> = reference.iter().map(|value| value + 0.5).collect();
    let (r, c) = (build(&reference, BUCKETS_MAX).finish(), build(&current, BUCKETS_MAX).finish());
    let Binned { edges, reference: left, current: right } = binned(&r, &c, 10).unwrap();
    assert_eq!(left, vec![100; 10]);
    assert_eq!(right, vec![0, 0, 0, 0, 0, 100, 100, 100, 100, 600]);
    // counting the values between the edges gives the same
    let keys: Vec<u64> = reference.iter().map(|&value| keys::key_of(value)).collect();
    assert_eq!(bins::counts_of_sorted(&keys, &edges), left);
}

// breaks when: a column of mostly zeros, or of one value, is a blind spot
#[test]
fn repeated_values_have_a_bin_of_their_own() {
    let zeros = |share: usize| {
        let values: Vec<f64> = (0..1000).map(|i| if i < share { 0.0 } else { 1.0 + i as f64 }).collect();
        of(&values)
    };
    let both = binned(&zeros(950), &zeros(400), 10).unwrap();
    assert_eq!((both.reference, both.current), (vec![950, 50], vec![400, 600]));
    let constant = of(&[3.0; 50]);
    let both = binned(&constant, &of(&[1.0, 3.0, 3.0, 7.0]), 10).unwrap();
    assert_eq!((both.reference, both.current), (vec![0, 50, 0], vec![1, 2, 1]));
}

// breaks when: least and largest values are not used, so that constants seem to differ, or seem equal
#[test]
fn ends_narrow_the_bounds() {
    let constant = of(&[0.37; 9]);
    assert_eq!(ks(&constant, &constant), Some(Bounds { lo: 0.0, est: 0.0, hi: 0.0 }));
    assert_eq!(wasserstein(&constant, &constant), Some(Bounds { lo: 0.0, est: 0.0, hi: 0.0 }));
    // one bucket of the coarsest scale, but all of one side before all of the other
    let outlier = [1e-300, 1e300, -1e-300, -1e300, 5e-324, -5e-324, 1e-200, 1e200, 1e100, 1.0];
    let (low, high) = (build(&[2.0, 2.1], 8).finish(), build(&[2.2, 2.3], 8).finish());
    assert_eq!(ks(&low, &high), Some(Bounds { lo: 1.0, est: 1.0, hi: 1.0 }));
    let coarse = build(&outlier, 8).finish();
    assert!(ks(&coarse, &high).is_some_and(|bounds| bounds.lo <= 0.9 && bounds.hi <= 1.0));
}

// breaks when: a foreign histogram's counts move, or one that no numbers have is taken
#[test]
fn foreign_histograms_keep_their_buckets() {
    let histogram = ForeignHistogram {
        scale: 0,
        zero_count: 1,
        zero_threshold: 0.0,
        positive: (2, vec![3, 0, 1]),
        negative: (-1, vec![2]),
    };
    let distribution = histogram.clone().into_distribution(320).unwrap();
    assert_eq!(distribution.count(), 7);
    assert_eq!(distribution.positive, [Bucket { index: 2, count: 3 }, Bucket { index: 4, count: 1 }]);
    assert_eq!(distribution.negative, [Bucket { index: -1, count: 2 }]);
    assert_eq!((distribution.scale, distribution.zero_count, distribution.range), (0, 1, None));
    assert_eq!(distribution.check(), Ok(()));
    // finer than 20: shifted, as a value is
    let fine = ForeignHistogram { scale: 22, positive: (5, vec![1, 1, 1, 1]), ..ForeignHistogram::default() };
    let fine = fine.into_distribution(320).unwrap();
    assert_eq!(fine.positive, [Bucket { index: 1, count: 3 }, Bucket { index: 2, count: 1 }]);
    let refused = |change: fn(&mut ForeignHistogram)| {
        let mut broken = histogram.clone();
        change(&mut broken);
        broken.into_distribution(320).unwrap_err()
    };
    assert!(refused(|h| h.scale = -12).contains("scale must lie from -11 to 40, got -12"));
    assert!(refused(|h| h.zero_threshold = 1e-6).contains("zero_threshold must lie in [0, 1e-30]"));
    assert!(refused(|h| h.zero_threshold = f64::NAN).contains("zero_threshold"));
    assert!(
        refused(|h| h.positive.0 = 2000).contains("an index must lie in [-1075, 1023] at scale 0, got 2000")
    );
    assert!(
        refused(|h| h.positive.1[0] = COUNT_MAX).contains("counts must lie from 0 to 9223372036854775807")
    );
}

// breaks when: -0.0 is not 0, or a limit of the form moves
#[test]
fn zeros_have_no_sign_and_limits_hold() {
    let zeros = of(&[-0.0, 0.0]);
    assert_eq!((zeros.zero_count, zeros.range, zeros.scale), (2, Some((0.0, 0.0)), SCALE_MAX));
    assert!(zeros.range.is_some_and(|(min, max)| min.is_sign_positive() && max.is_sign_positive()));
    assert_eq!(of(&[]).range, None);
    assert_eq!(of(&[]).quantile(0.5), None);
    assert_eq!(of(&[f64::MAX, f64::MAX]).sum_value(), None, "beyond the largest number");
    // every power of two has a bucket of its own at scale 0, twice as coarse at -1 ... 2,098 of them need scale -3
    let powers: Vec<f64> = (-1074..1024).map(|exponent| libm::ldexp(1.0, exponent)).collect();
    assert_eq!(of(&powers).scale, -3);
    let both: Vec<f64> = powers.iter().flat_map(|&power| [power, -power]).collect();
    assert_eq!(build(&both, BUCKETS_MIN).finish().scale, -10);
}

// breaks when: a distribution that no values have is taken for one
#[test]
fn impossible_distributions_are_named() {
    let good = of(&[-2.0, 0.0, 1.0, 5.0]);
    assert_eq!(good.check(), Ok(()));
    let broken = |change: fn(&mut Distribution)| {
        let mut distribution = good.clone();
        change(&mut distribution);
        distribution.check().unwrap_err()
    };
    assert!(broken(|d| d.scale = 21).contains("scale must lie from -11 to 20, got 21"));
    assert!(broken(|d| d.max_buckets = 1).contains("max_buckets must lie from 8 to 4096, got 1"));
    assert!(broken(|d| d.positive.swap(0, 1)).contains("indexes must rise"));
    assert!(broken(|d| d.positive[0].count = 0).contains("counts must be more than 0"));
    assert!(broken(|d| d.positive[0].count = u64::MAX).contains("fit BIGINT"));
    assert!(broken(|d| d.positive[1].index = i32::MAX).contains("an index must lie in"));
    assert!(broken(|d| d.range = Some((-2.0, 7.0))).contains("outermost buckets"));
    assert!(broken(|d| d.range = Some((f64::NAN, 5.0))).contains("outermost buckets"));
    let mut builder = build(&[1.0], 320);
    let mut many = of(&[1.0]);
    many.positive[0].count = COUNT_MAX;
    assert_eq!(builder.merge(&many), Err(CountOverflow));
}

// breaks when: what a foreign histogram did not say is made up
#[test]
fn unknown_ends_and_sums_stay_unknown() {
    let foreign = Distribution { range: None, sum: None, ..of(&[1.0, 2.0]) };
    let mut builder = build(&[5.0], 320);
    builder.merge(&foreign).unwrap();
    let merged = builder.finish();
    assert_eq!((merged.range, merged.sum.clone(), merged.count()), (None, None, 3));
    assert!(merged.quantile(0.5).is_some_and(|median| (1.9..=2.0).contains(&median)));
    assert!(wasserstein(&merged, &of(&[1.0])).is_some());
}

proptest! {
    // breaks when: a part of a distribution is lost on its way as integers
    #[test]
    fn packed_distributions_come_back(values in prop::collection::vec(anything(), 0..60), most in BUCKETS_MIN..40) {
        let mut builder = DistributionBuilder::without_sum(most);
        values.iter().filter(|value| value.is_finite()).for_each(|&value| builder.add_value(value));
        let distribution = builder.finish();
        let packed = distribution.pack();
        prop_assert!(Distribution::is_packed(&packed));
        prop_assert_eq!(Distribution::unpack(&packed), Some(distribution));
        prop_assert_eq!(Distribution::unpack(&packed[..packed.len() - 1]), None);
        let keys: Vec<u64> = values.iter().filter(|value| value.is_finite()).map(|&value| keys::key_of(value)).collect();
        prop_assert!(!Distribution::is_packed(&keys));
    }
}
