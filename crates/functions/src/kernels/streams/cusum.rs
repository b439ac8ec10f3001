//! The tabular CUSUM chart: how much the values have added up above and below a target.

use super::{Detector, Direction};
use crate::kernels::moments::Moments;

/// The settings of [`Cusum`]; distances in units of sigma.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CusumSettings {
    /// The slack: half the shift that is worth seeing.
    pub k: f64,
    /// The decision interval: a change is seen when a sum passes it.
    pub h: f64,
    /// Where values should lie; `None`: at the mean of the first values.
    pub target: Option<f64>,
    /// Their standard deviation, above 0; `None`: that of the first values.
    pub sigma: Option<f64>,
    /// How many first values teach target or sigma, at least 2.
    pub warmup: u64,
    /// Whether target and sigma are learnt again after a change.
    pub relearn: bool,
    /// Which sums count.
    pub direction: Direction,
}

/// The tabular CUSUM (Montgomery, Introduction to Statistical Quality Control, section 9.1.2).
#[derive(Debug)]
pub struct Cusum {
    settings: CusumSettings,
    scale: Option<Scale>,
    first: Moments,
    high: f64,
    low: f64,
}

#[derive(Debug, Clone, Copy)]
struct Scale {
    target: f64,
    sigma: f64,
}

impl Cusum {
    /// Starts without a value.
    pub fn new(settings: CusumSettings) -> Self {
        let mut cusum = Self { settings, scale: None, first: Moments::default(), high: 0.0, low: 0.0 };
        cusum.learn();
        cusum
    }

    /// Sets the scale as soon as enough is known. Equal first values say nothing of the spread: then one waits for another.
    fn learn(&mut self) {
        let CusumSettings { target, sigma, warmup, .. } = self.settings;
        let learnt = |enough: bool, value: Option<f64>| value.filter(|_| enough);
        let enough = self.first.count() >= warmup;
        let sigma = sigma.or_else(|| learnt(enough, self.first.deviation(1).filter(|&sigma| sigma > 0.0)));
        let target = target.or_else(|| learnt(enough, self.first.mean()));
        self.scale = target.zip(sigma).map(|(target, sigma)| Scale { target, sigma });
    }
}

impl Detector for Cusum {
    fn update(&mut self, value: f64) -> bool {
        let CusumSettings { k, h, relearn, direction, .. } = self.settings;
        let Some(Scale { target, sigma }) = self.scale else {
            self.first.add(value);
            self.learn();
            return false;
        };
        let z = ((value - target) / sigma).clamp(f64::MIN, f64::MAX);
        self.high = (z - k + self.high).max(0.0);
        self.low = (-z - k + self.low).max(0.0);
        let changed = match direction {
            Direction::Up => self.high > h,
            Direction::Down => self.low > h,
            Direction::Both => self.high > h || self.low > h,
        };
        if changed {
            (self.high, self.low) = (0.0, 0.0);
            if relearn {
                self.first = Moments::default();
                self.learn();
            }
        }
        changed
    }
}
