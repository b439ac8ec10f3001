//! Exponentially weighted averages, number for number as pandas' `ewm(...).mean()`.

/// The settings of [`Ewma`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EwmaSettings {
    /// The weight of the newest value, in (0, 1].
    pub alpha: f64,
    /// Whether weights are divided by their sum, which matters for the first values; else the first value counts as the
    /// average of all before it.
    pub adjust: bool,
    /// Whether missing values take no time; else older weights fall at them too.
    pub ignore_na: bool,
}

impl EwmaSettings {
    /// The alpha at which a weight halves every `half_life` rows.
    pub fn alpha_of_half_life(half_life: f64) -> f64 {
        -(-std::f64::consts::LN_2 / half_life).exp_m1()
    }

    /// The alpha whose weights lie, on average, as far back as those of `span` equal ones.
    pub fn alpha_of_span(span: f64) -> f64 {
        2.0 / (span + 1.0)
    }
}

/// A running average.
#[derive(Debug)]
pub struct Ewma {
    settings: EwmaSettings,
    average: Option<f64>,
    /// The weight of all values so far, where a new one has 1 (adjusted) or alpha.
    old_weight: f64,
}

impl Ewma {
    /// Starts without a value.
    pub fn new(settings: EwmaSettings) -> Self {
        Self { settings, average: None, old_weight: 1.0 }
    }

    /// Takes the next value, finite or missing, and tells the average; `None` before the first value.
    pub fn update(&mut self, value: Option<f64>) -> Option<f64> {
        let EwmaSettings { alpha, adjust, ignore_na } = self.settings;
        let Some(average) = self.average else {
            self.average = value;
            return self.average;
        };
        if value.is_some() || !ignore_na {
            self.old_weight *= 1.0 - alpha;
        }
        if let Some(value) = value {
            let new_weight = if adjust { 1.0 } else { alpha };
            let weight = self.old_weight + new_weight;
            // equal values have exactly that average
            if value != average {
                self.average = Some((self.old_weight * average + new_weight * value) / weight);
            }
            self.old_weight = if adjust { weight } else { 1.0 };
        }
        self.average
    }
}
