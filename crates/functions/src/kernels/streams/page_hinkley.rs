//! Page-Hinkley: how far the values have wandered from their running mean.

use super::{Detector, Direction};

/// The settings of [`PageHinkley`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageHinkleySettings {
    /// Nothing is seen before this many values.
    pub min_instances: u64,
    /// Deviations from the mean up to this much are allowed for.
    pub delta: f64,
    /// A change is seen when the sum of deviations has moved by more than this.
    pub threshold: f64,
    /// How much of the sum is kept from value to value, in (0, 1].
    pub alpha: f64,
    /// Which changes of the mean count.
    pub direction: Direction,
}

/// The Page-Hinkley test (Page 1954) with river's forgetting sum.
#[derive(Debug)]
pub struct PageHinkley {
    settings: PageHinkleySettings,
    state: State,
}

#[derive(Debug)]
struct State {
    count: f64,
    mean: f64,
    rise: f64,
    least_rise: f64,
    fall: f64,
    greatest_fall: f64,
}

const START: State = State {
    count: 0.0,
    mean: 0.0,
    rise: 0.0,
    least_rise: f64::INFINITY,
    fall: 0.0,
    greatest_fall: f64::NEG_INFINITY,
};

impl PageHinkley {
    /// Starts without a value.
    pub fn new(settings: PageHinkleySettings) -> Self {
        Self { settings, state: START }
    }
}

impl Detector for PageHinkley {
    fn update(&mut self, value: f64) -> bool {
        let PageHinkleySettings { min_instances, delta, threshold, alpha, direction } = self.settings;
        let state = &mut self.state;
        state.count += 1.0;
        state.mean += (1.0 / state.count) * (value - state.mean);
        let deviation = value - state.mean;
        state.rise = alpha * state.rise + deviation - delta;
        state.fall = alpha * state.fall + deviation + delta;
        state.least_rise = state.least_rise.min(state.rise);
        state.greatest_fall = state.greatest_fall.max(state.fall);
        if state.count < min_instances as f64 {
            return false;
        }
        let risen = state.rise - state.least_rise > threshold;
        let fallen = state.greatest_fall - state.fall > threshold;
        let changed = match direction {
            Direction::Up => risen,
            Direction::Down => fallen,
            Direction::Both => risen || fallen,
        };
        if changed {
            *state = START;
        }
        changed
    }
}
