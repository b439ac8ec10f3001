//! Precision, recall and their mean, from counts.

/// How often one class was predicted, how often it was true, and how often both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// Rows whose prediction and label are the class.
    pub both: u64,
    /// Rows whose prediction is the class.
    pub predicted: u64,
    /// Rows whose label is the class.
    pub actual: u64,
}

impl ClassCounts {
    /// The share of right ones among the predictions of the class; `None` when it was never predicted.
    pub fn precision(&self) -> Option<f64> {
        share(self.both, self.predicted)
    }

    /// The share of the class that was found; `None` when it never occurs.
    pub fn recall(&self) -> Option<f64> {
        share(self.both, self.actual)
    }

    /// The harmonic mean of precision and recall, `2 both / (predicted + actual)`; `None` when the class neither occurs nor
    /// was predicted.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.both, self.predicted + self.actual)
    }
}

/// How the classes are weighed in a mean over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighing {
    /// Each class alike.
    Equal,
    /// Each class by how often it is true.
    BySupport,
}

/// The mean of a measure over classes, without those where it is undefined: scikit-learn's `zero_division=nan`.
///
/// Sums in the order of `classes`. Where all weights are 0 the classes count alike, as in scikit-learn. `None` when the
/// measure is undefined everywhere.
pub fn mean_over_classes(
    classes: impl IntoIterator<Item = ClassCounts>,
    measure: impl Fn(&ClassCounts) -> Option<f64>,
    weighing: Weighing,
) -> Option<f64> {
    let (mut defined, mut weights) = (0u64, 0u64);
    let (mut plain, mut weighted) = (0.0, 0.0);
    for class in classes {
        if let Some(value) = measure(&class) {
            defined += 1;
            weights += class.actual;
            plain += value;
            weighted += value * class.actual as f64;
        }
    }
    match weighing {
        Weighing::BySupport if weights > 0 => Some(weighted / weights as f64),
        _ => (defined > 0).then(|| plain / defined as f64),
    }
}

/// `part / whole`; `None` of nothing.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests;
