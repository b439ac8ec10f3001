//! Sums of many floats that keep their digits.

/// A sum after Kahan and Babuška, in Neumaier's form: what each addition rounds away is summed beside it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Compensated {
    sum: f64,
    rest: f64,
}

impl Compensated {
    /// Adds a term.
    #[inline]
    pub fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.rest +=
            if self.sum.abs() >= term.abs() { (self.sum - sum) + term } else { (term - sum) + self.sum };
        self.sum = sum;
    }

    /// The sum of all terms.
    pub fn value(self) -> f64 {
        self.sum + self.rest
    }
}

impl FromIterator<f64> for Compensated {
    fn from_iter<T: IntoIterator<Item = f64>>(terms: T) -> Self {
        let mut sum = Self::default();
        terms.into_iter().for_each(|term| sum.add(term));
        sum
    }
}

#[cfg(test)]
mod tests;
