//! The two-sided Kolmogorov distribution for a finite sample, as scipy's `kstwo.sf` decides between its formulae.
//!
//! Sources: Simard and L'Ecuyer, Computing the two-sided Kolmogorov-Smirnov distribution (2011); Marsaglia, Tsang and Wang
//! (2003) for Durbin's matrix; Pelz and Good (1976) for the expansion. The thresholds between them are scipy's, because a
//! p-value that is more accurate than scipy's would differ from it.

use std::f64::consts::{FRAC_PI_2, PI};

use super::smirnov;

/// Up to this size the exact formulae serve everywhere.
const SMALL_MAX: f64 = 140.0;

/// The probability that the statistic of a sample of `n` values is at least `d`.
pub fn survival(n: f64, d: f64) -> f64 {
    if d >= 1.0 {
        return 0.0;
    }
    let t = n * d;
    if t <= 0.5 || n < 1.0 {
        return 1.0;
    }
    if t <= 1.0 {
        return 1.0 - near_zero(n, t);
    }
    if t >= n - 1.0 {
        return 2.0 * (1.0 - d).powf(n);
    }
    let s = t * d;
    let survival = if d >= 0.5 {
        2.0 * smirnov::survival(n, d)
    } else if n <= SMALL_MAX {
        // Durbin's matrix and Pomeranz' recurrence are both exact: one of them is enough
        if s <= 4.0 { 1.0 - durbin_matrix(n as usize, d) } else { 2.0 * smirnov::survival(n, d) }
    } else if s >= 370.0 {
        0.0
    } else if s >= 2.2 {
        2.0 * smirnov::survival(n, d)
    } else if n <= 100_000.0 && n * d.powf(1.5) <= 1.4 {
        1.0 - durbin_matrix(n as usize, d)
    } else {
        1.0 - pelz_good(n, d)
    };
    survival.clamp(0.0, 1.0)
}

/// Ruben and Gambino: `n! (2t - 1)^n / n^n` for 1/2 < t <= 1.
fn near_zero(n: f64, t: f64) -> f64 {
    if n > SMALL_MAX {
        // below n! / n^n < 1e-59: nothing next to 1
        return 0.0;
    }
    (1..=n as u32).fold(1.0, |product, i| product * f64::from(i) / n * (2.0 * t - 1.0))
}

/// Durbin's matrix: the distribution function exactly, as an entry of a matrix power.
fn durbin_matrix(n: usize, d: f64) -> f64 {
    let t = n as f64 * d;
    let k = t as usize + 1;
    let size = 2 * k - 1;
    let h = k as f64 - t;
    let mut matrix = Matrix::zeros(size);
    for row in 0..size {
        for column in 0..size.min(row + 2) {
            matrix.cells[row * size + column] = 1.0;
        }
    }
    for i in 0..size {
        matrix.cells[i * size] -= h.powi(i as i32 + 1);
        matrix.cells[(size - 1) * size + i] -= h.powi((size - i) as i32);
    }
    matrix.cells[(size - 1) * size] += (2.0 * h - 1.0).max(0.0).powi(size as i32);
    for row in 0..size {
        for column in 0..size.min(row + 1) {
            let factorial: f64 = (2..=(row - column + 1) as u32).map(f64::from).product();
            matrix.cells[row * size + column] /= factorial;
        }
    }
    let power = matrix.power(n);
    let (mut value, mut exponent) = (power.cells[(k - 1) * size + k - 1], power.exponent);
    for i in 1..=n {
        value *= i as f64 / n as f64;
        if value < 1e-140 {
            value *= 1e140;
            exponent -= 140;
        }
    }
    value * 10f64.powi(exponent)
}

/// A square matrix times a power of ten.
#[derive(Clone)]
struct Matrix {
    cells: Vec<f64>,
    size: usize,
    exponent: i32,
}

impl Matrix {
    fn zeros(size: usize) -> Self {
        Self { cells: vec![0.0; size * size], size, exponent: 0 }
    }

    fn times(&self, other: &Self) -> Self {
        let size = self.size;
        let mut product = Self::zeros(size);
        product.exponent = self.exponent + other.exponent;
        for (row, out) in self.cells.chunks_exact(size).zip(product.cells.chunks_exact_mut(size)) {
            for (&factor, line) in row.iter().zip(other.cells.chunks_exact(size)) {
                for (cell, &value) in out.iter_mut().zip(line) {
                    *cell += factor * value;
                }
            }
        }
        let middle = product.cells[(size / 2) * size + size / 2];
        if middle > 1e140 {
            product.cells.iter_mut().for_each(|cell| *cell *= 1e-140);
            product.exponent += 140;
        }
        product
    }

    fn power(&self, n: usize) -> Self {
        if n == 1 {
            return self.clone();
        }
        let half = self.power(n / 2);
        let square = half.times(&half);
        if n % 2 == 1 { square.times(self) } else { square }
    }
}

/// Pelz and Good: the distribution function to the order n^-3/2.
fn pelz_good(n: f64, d: f64) -> f64 {
    let z2 = n * d * d;
    let z = z2.sqrt();
    let (z4, z6, z8) = (z2 * z2, z2.powi(3), z2.powi(4));
    let (mut k0, mut k1, mut k2, mut k3) = (0.0, 0.0, 0.0, 0.0);
    // odd terms: x = pi (k + 1/2), both signs
    for k in 0.. {
        let x2 = (PI * (f64::from(k) + 0.5)).powi(2);
        let weight = (-x2 / (2.0 * z2)).exp();
        if weight < 1e-30 {
            break;
        }
        k0 += weight;
        k1 += (x2 - z2) * weight;
        k2 += (6.0 * z6 + 2.0 * z4 + x2 * (2.0 * z4 - 5.0 * z2) + x2 * x2 * (1.0 - 2.0 * z2)) * weight;
        k3 += (x2.powi(3) * (5.0 - 30.0 * z2)
            + x2 * x2 * (-60.0 * z2 + 212.0 * z4)
            + x2 * (135.0 * z4 - 96.0 * z6)
            - (30.0 * z6 + 90.0 * z8))
            * weight;
    }
    // even terms: y = pi k, both signs
    let (mut k2_even, mut k3_even) = (0.0, 0.0);
    for k in 1.. {
        let y2 = (PI * f64::from(k)).powi(2);
        let weight = (-y2 / (2.0 * z2)).exp();
        if weight < 1e-30 {
            break;
        }
        k2_even += y2 * weight;
        k3_even += (3.0 * y2 * z2 - y2 * y2) * weight;
    }
    let root = FRAC_PI_2.sqrt();
    let k0 = (2.0 * PI).sqrt() / z * k0;
    let k1 = root * 2.0 * k1 / (6.0 * z4);
    let k2 = root * 2.0 * (k2 / (72.0 * z4 * z2 * z) - k2_even / (36.0 * z2 * z));
    // half the weight that Pelz and Good give the last sum (about 1e-6 at n = 141): scipy's, and so ours
    let k3 = root * 2.0 * (k3 / (6480.0 * z8 * z2) + k3_even / (216.0 * z6));
    k0 + k1 / n.sqrt() + k2 / n + k3 / n.powf(1.5)
}

#[cfg(test)]
mod tests;
