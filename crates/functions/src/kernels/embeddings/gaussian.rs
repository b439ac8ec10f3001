//! The Fréchet distance of two Gaussians: `|m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^(1/2))`, after Dowson and Landau (1982).
//!
//! The trace of the square root is the sum of the singular values of `L1ᵀ L2`, where `S = L Lᵀ` by Cholesky with pivots. So no
//! root is taken of an eigenvalue near 0, which would turn an error of 1e-16 into one of 1e-8, and a covariance without
//! full rank (fewer rows than dimensions) needs no regularisation.

const SWEEPS_MAX: usize = 60;

/// `tr((S1 S2)^(1/2))` of two covariances, each `dimension * dimension` numbers.
pub fn trace_of_root(first: &[f64], second: &[f64], dimension: usize) -> f64 {
    let (first, second) = (factor(first, dimension), factor(second, dimension));
    // the fewer columns are rotated
    let (rows, columns) = if first.len() < second.len() { (second, first) } else { (first, second) };
    let product = columns.iter().map(|column| rows.iter().map(|row| dot(row, column)).collect()).collect();
    sum_of_singular_values(product)
}

/// The columns of `L` with `S = L Lᵀ`, as many as `S` has rank.
fn factor(covariance: &[f64], dimension: usize) -> Vec<Vec<f64>> {
    let mut left: Vec<f64> = (0..dimension).map(|i| covariance[i * dimension + i]).collect();
    let largest = left.iter().copied().fold(0.0, f64::max);
    let negligible = largest * f64::EPSILON * dimension as f64;
    let mut columns: Vec<Vec<f64>> = Vec::new();
    while columns.len() < dimension {
        let pivot = (0..dimension).fold(0, |best, i| if left[i] > left[best] { i } else { best });
        if left[pivot] <= negligible || left[pivot].is_nan() {
            break;
        }
        let mut column = covariance[pivot * dimension..(pivot + 1) * dimension].to_vec();
        for earlier in &columns {
            let weight = earlier[pivot];
            column.iter_mut().zip(earlier).for_each(|(x, y)| *x -= weight * y);
        }
        let root = left[pivot].sqrt();
        column.iter_mut().for_each(|x| *x /= root);
        left.iter_mut().zip(&column).for_each(|(rest, x)| *rest -= x * x);
        left[pivot] = 0.0;
        columns.push(column);
    }
    columns
}

/// By rotating pairs of columns until all are orthogonal (Hestenes 1958): their lengths are the singular values.
fn sum_of_singular_values(mut columns: Vec<Vec<f64>>) -> f64 {
    for _ in 0..SWEEPS_MAX {
        let mut rotated = false;
        for second in 1..columns.len() {
            let (before, after) = columns.split_at_mut(second);
            for first in before {
                rotated |= orthogonalise(first, &mut after[0]);
            }
        }
        if !rotated {
            break;
        }
    }
    columns.iter().map(|column| dot(column, column).sqrt()).sum()
}

/// Rotates two columns in their plane until they are orthogonal; whether they were not.
fn orthogonalise(a: &mut [f64], b: &mut [f64]) -> bool {
    let (square_a, square_b, product) = (dot(a, a), dot(b, b), dot(a, b));
    if product.abs() <= f64::EPSILON * (square_a * square_b).sqrt() || !product.is_finite() {
        return false;
    }
    let zeta = (square_b - square_a) / (2.0 * product);
    let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sine = cosine * tangent;
    for (x, y) in a.iter_mut().zip(b) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
    true
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
