//! KSWIN: the newest values of a sliding window against a sample of its older ones.

use std::collections::VecDeque;

use super::Detector;
use super::python_random::PythonRandom;
use crate::kernels::keys::key_of;
use crate::kernels::ks::Alternative;
use crate::kernels::ks_exact;

/// The settings of [`Kswin`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KswinSettings {
    /// A change is seen at p-values up to this, in (0, 1).
    pub alpha: f64,
    /// The length of the window, at least two times `stat_size`.
    pub window_size: usize,
    /// How many of the newest values are compared with as many older ones, at least 1.
    pub stat_size: usize,
    /// Which older ones are drawn.
    pub seed: u64,
}

/// A change is seen only where the distribution functions lie further apart than this.
const STATISTIC_MIN: f64 = 0.1;

/// Kolmogorov-Smirnov windowing (Raab, Heusinger and Schleif 2020); the sample is the one that Python would draw.
#[derive(Debug)]
pub struct Kswin {
    settings: KswinSettings,
    /// The least difference, in counts of `stat_size`, at which a change is seen; `None`: at none.
    critical: Option<usize>,
    seeded: PythonRandom,
    random: PythonRandom,
    window: VecDeque<u64>,
    /// The newest `stat_size` values of the window, sorted.
    newest: Vec<u64>,
    positions: Vec<u32>,
    sample: Vec<u64>,
}

impl Kswin {
    /// Starts with an empty window.
    pub fn new(settings: KswinSettings) -> Self {
        let seeded = PythonRandom::new(settings.seed);
        Self {
            settings,
            critical: critical_difference(settings.stat_size, settings.alpha),
            random: seeded.clone(),
            seeded,
            window: VecDeque::with_capacity(settings.window_size + 1),
            newest: Vec::with_capacity(settings.stat_size + 1),
            positions: Vec::with_capacity(settings.stat_size),
            sample: Vec::with_capacity(settings.stat_size),
        }
    }

    fn push(&mut self, key: u64) {
        let KswinSettings { window_size, stat_size, .. } = self.settings;
        self.window.push_back(key);
        if self.window.len() > window_size {
            self.window.pop_front();
        }
        let at = self.newest.partition_point(|&other| other < key);
        self.newest.insert(at, key);
        if self.newest.len() > stat_size {
            let leaving = self.window[self.window.len() - 1 - stat_size];
            let at = self.newest.partition_point(|&other| other < leaving);
            self.newest.remove(at);
        }
    }
}

impl Detector for Kswin {
    fn update(&mut self, value: f64) -> bool {
        let KswinSettings { window_size, stat_size, .. } = self.settings;
        self.push(key_of(value));
        if self.window.len() < window_size {
            return false;
        }
        self.random.sample((window_size - stat_size) as u32, stat_size, &mut self.positions);
        self.sample.clear();
        self.sample.extend(self.positions.iter().map(|&at| self.window[at as usize]));
        self.sample.sort_unstable();
        let changed =
            self.critical.is_some_and(|critical| largest_difference(&self.sample, &self.newest) >= critical);
        if changed {
            self.window.clear();
            self.newest.clear();
            self.random.clone_from(&self.seeded);
        }
        changed
    }
}

/// The least difference in counts whose two-sided p-value is at most `alpha`.
///
/// With sides of one size the p-value depends on the difference alone and falls with it, so no value needs its own.
fn critical_difference(size: usize, alpha: f64) -> Option<usize> {
    let is_significant = |difference: usize| {
        let statistic = difference as f64 / size as f64;
        let (statistic, p_value) = ks_exact::p_value(size, size, statistic, Alternative::TwoSided);
        statistic > STATISTIC_MIN && p_value.is_some_and(|p_value| p_value <= alpha)
    };
    let (mut low, mut high) = (1, size + 1);
    while low < high {
        let middle = low.midpoint(high);
        if is_significant(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    (low <= size).then_some(low)
}

/// The largest difference of the numbers of values up to `x`, over all `x`; both sides sorted.
fn largest_difference(a: &[u64], b: &[u64]) -> usize {
    let (mut i, mut j, mut largest) = (0, 0, 0);
    // once a side is used up, the counts only come closer
    while i < a.len() && j < b.len() {
        let key = a[i].min(b[j]);
        while i < a.len() && a[i] == key {
            i += 1;
        }
        while j < b.len() && b[j] == key {
            j += 1;
        }
        largest = largest.max(i.abs_diff(j));
    }
    largest
}
