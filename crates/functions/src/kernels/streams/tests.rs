use proptest::prelude::*;

use super::adwin::{Adwin, AdwinSettings};
use super::cusum::{Cusum, CusumSettings};
use super::ddm::{Ddm, DdmLevel, DdmSettings};
use super::kswin::{Kswin, KswinSettings};
use super::page_hinkley::{PageHinkley, PageHinkleySettings};
use super::*;

const CHART: CusumSettings = CusumSettings {
    k: 0.5,
    h: 5.0,
    target: Some(10.0),
    sigma: Some(1.0),
    warmup: 100,
    relearn: false,
    direction: Direction::Both,
};

fn rows_of(detector: &mut dyn Detector, values: impl IntoIterator<Item = f64>) -> Vec<usize> {
    let flags = values.into_iter().map(|value| detector.update(value));
    flags.enumerate().filter_map(|(row, changed)| changed.then_some(row)).collect()
}

/// Montgomery, Introduction to Statistical Quality Control, table 9.1: twenty observations around 10, ten around 11.
const TABLE: [f64; 30] = [
    9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08, 9.37,
    10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52,
];

// breaks when: the sums are not those of the book, whose upper sum passes 5 at observation 29
#[test]
fn cusum_signals_where_the_book_does() {
    assert_eq!(rows_of(&mut Cusum::new(CHART), TABLE), [28]);
    let up = CusumSettings { direction: Direction::Up, ..CHART };
    assert_eq!(rows_of(&mut Cusum::new(up), TABLE), [28]);
    let down = CusumSettings { direction: Direction::Down, ..CHART };
    assert!(rows_of(&mut Cusum::new(down), TABLE).is_empty());
    assert_eq!(rows_of(&mut Cusum::new(down), TABLE.map(|value| 20.0 - value)), [28]);
    // the highest sum of the book is 5.28 there
    assert_eq!(rows_of(&mut Cusum::new(CusumSettings { h: 5.27, ..CHART }), TABLE), [28]);
    assert_eq!(rows_of(&mut Cusum::new(CusumSettings { h: 5.29, ..CHART }), TABLE), [29]);
}

// breaks when: equal first values teach a sigma of 0, or learning counts what was given
#[test]
fn cusum_learns_what_is_not_given() {
    let learning = CusumSettings { target: None, sigma: None, warmup: 3, ..CHART };
    let values = || [5.0; 40].into_iter().chain([6.0]).chain([500.0; 3]);
    assert_eq!(rows_of(&mut Cusum::new(learning), values()), [41, 42, 43], "learns until two values differ");
    let of_target = CusumSettings { sigma: Some(2.0), ..learning };
    assert_eq!(rows_of(&mut Cusum::new(of_target), [4.0, 5.0, 6.0, 5.0, 30.0]), [4]);
    // after a change the level is learnt again, or not
    let shifted = || [0.0, 1.0, 0.0].into_iter().chain((0..40).map(|i| 100.0 + f64::from(i % 2)));
    let again = CusumSettings { relearn: true, ..learning };
    assert_eq!(rows_of(&mut Cusum::new(again), shifted()), [3]);
    assert_eq!(rows_of(&mut Cusum::new(learning), shifted()).len(), 40);
}

fn detectors() -> Vec<Box<dyn Detector>> {
    vec![
        Box::new(Adwin::new(AdwinSettings {
            delta: 0.9,
            clock: 1,
            max_buckets: 2,
            min_window_length: 1,
            grace_period: 0,
        })),
        Box::new(PageHinkley::new(PageHinkleySettings {
            min_instances: 1,
            delta: 0.0,
            threshold: 0.0,
            alpha: 1.0,
            direction: Direction::Both,
        })),
        Box::new(Kswin::new(KswinSettings { alpha: 0.9, window_size: 4, stat_size: 2, seed: 1 })),
        Box::new(Cusum::new(CusumSettings { target: None, sigma: None, warmup: 2, relearn: true, ..CHART })),
        Box::new(Cusum::new(CusumSettings { sigma: Some(f64::MIN_POSITIVE), ..CHART })),
    ]
}

proptest! {
    // breaks when: an extreme value makes a panic, or a NaN that blinds a detector for good
    #[test]
    fn extremes_do_not_blind(
        values in prop::collection::vec(
            prop_oneof![
                Just(0.0), Just(-0.0), Just(f64::from_bits(1)), Just(MAGNITUDE_MAX), Just(-MAGNITUDE_MAX),
                Just(i64::MAX as f64), Just(i64::MIN as f64), -1e6..1e6f64,
            ],
            0..200,
        ),
    ) {
        for mut detector in detectors() {
            rows_of(detector.as_mut(), values.iter().copied());
            // great steps up and down: no detector may stay silent
            let steps = (0..2000).map(|i| if i / 100 % 2 == 0 { MAGNITUDE_MAX } else { -MAGNITUDE_MAX });
            prop_assert!(!rows_of(detector.as_mut(), steps).is_empty(), "{:?}", detector);
        }
    }

    // breaks when: a mean of ones rounds past 1 and its deviation is the root of a negative number
    #[test]
    fn errors_may_be_shares(values in prop::collection::vec(prop_oneof![Just(1.0), Just(0.0), 0.0..=1.0f64], 0..300)) {
        let settings = DdmSettings { warm_start: 1, warning_threshold: 2.0, drift_threshold: 3.0, level: DdmLevel::Drift };
        let mut ddm = Ddm::new(settings);
        rows_of(&mut ddm, values);
        rows_of(&mut ddm, [0.0; 10_000]);
        prop_assert!(!rows_of(&mut ddm, [1.0; 10_000]).is_empty());
    }
}
