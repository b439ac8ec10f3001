//! DDM: an error rate that rises above the best it has been.

use super::Detector;

/// The settings of [`Ddm`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DdmSettings {
    /// The first values that only teach.
    pub warm_start: u64,
    /// How many standard deviations above the best rate a warning begins.
    pub warning_threshold: f64,
    /// How many standard deviations above the best rate a change is seen.
    pub drift_threshold: f64,
    /// What [`Detector::update`] tells.
    pub level: DdmLevel,
}

/// What a [`Ddm`] tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DdmLevel {
    /// Values at which the error rate has left its range: a change.
    Drift,
    /// Values at which it is in the zone before.
    Warning,
}

/// The drift detection method (Gama, Medas, Castillo and Rodrigues 2004) over errors from 0 to 1.
#[derive(Debug)]
pub struct Ddm {
    settings: DdmSettings,
    state: State,
}

#[derive(Debug)]
struct State {
    count: f64,
    rate: f64,
    best_rate: f64,
    best_deviation: f64,
}

const START: State = State { count: 0.0, rate: 0.0, best_rate: f64::INFINITY, best_deviation: 0.0 };

impl Ddm {
    /// Starts without a value.
    pub fn new(settings: DdmSettings) -> Self {
        Self { settings, state: START }
    }
}

impl Detector for Ddm {
    /// Values must lie in [0, 1].
    fn update(&mut self, value: f64) -> bool {
        let DdmSettings { warm_start, warning_threshold, drift_threshold, level } = self.settings;
        let state = &mut self.state;
        state.count += 1.0;
        state.rate += (1.0 / state.count) * (value - state.rate);
        if state.count <= warm_start as f64 {
            return false;
        }
        // rounding can carry the mean of ones past 1
        let deviation = (state.rate * (1.0 - state.rate) / state.count).max(0.0).sqrt();
        let rate = state.rate + deviation;
        if rate <= state.best_rate + state.best_deviation {
            (state.best_rate, state.best_deviation) = (state.rate, deviation);
        }
        let drift = rate > state.best_rate + drift_threshold * state.best_deviation;
        let warning = !drift && rate > state.best_rate + warning_threshold * state.best_deviation;
        if drift {
            *state = START;
        }
        match level {
            DdmLevel::Drift => drift,
            DdmLevel::Warning => warning,
        }
    }
}
