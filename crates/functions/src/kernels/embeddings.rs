//! Arithmetic on populations of vectors: sums that do not depend on the order of rows, and the distances made from them.

pub mod clusters;
pub mod gaussian;
pub mod random_features;
pub mod sample;
pub mod side;

/// Cosine distance of two vectors of one length, from 0 to 2, as half the squared distance of the unit vectors: no
/// cancellation for vectors that are nearly alike. `None` when one of them has no direction.
pub fn cosine_distance(a: &[f64], b: &[f64]) -> Option<f64> {
    let (unit_a, unit_b) = (unit(a)?, unit(b)?);
    let squares: f64 = unit_a.iter().zip(&unit_b).map(|(x, y)| (x - y) * (x - y)).sum();
    Some((squares / 2.0).min(2.0))
}

/// Euclidean distance of two vectors of one length; `None` when it is beyond the largest DOUBLE.
pub fn euclidean_distance(a: &[f64], b: &[f64]) -> Option<f64> {
    let differences: Vec<f64> = a.iter().zip(b).map(|(x, y)| x - y).collect();
    let length = norm(&differences);
    length.is_finite().then_some(length)
}

fn unit(vector: &[f64]) -> Option<Vec<f64>> {
    let largest = vector.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    if !(largest > 0.0 && largest.is_finite()) {
        return None;
    }
    let scaled: Vec<f64> = vector.iter().map(|x| x / largest).collect();
    let length = norm(&scaled);
    Some(scaled.into_iter().map(|x| x / length).collect())
}

/// The length of a vector, scaled so that no square overflows.
fn norm(vector: &[f64]) -> f64 {
    let largest = vector.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    vector.iter().map(|x| (x / largest) * (x / largest)).sum::<f64>().sqrt() * largest
}

#[cfg(test)]
mod tests;
