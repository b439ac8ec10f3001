//! What is kept of the vectors of one population: counts and exact sums, so that order and partial sums change no bit.

use super::random_features::RandomFeatures;
use crate::kernels::exact_sum::ExactSum;

/// Which sums are kept.
#[derive(Debug, Clone, Copy)]
pub enum Sums<'a> {
    /// Of the coordinates.
    Coordinates,
    /// Of the coordinates and of the products of each two.
    Products,
    /// Of the cosines of random features.
    Cosines(&'a RandomFeatures),
}

/// One population of vectors of one dimension.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// How many vectors were added.
    pub rows: u64,
    /// How many of them have a product beyond the largest DOUBLE.
    pub overflowed: u64,
    /// The sum of each coordinate.
    pub sums: Vec<ExactSum>,
    /// The sum of each product of two coordinates, by rows of the lower triangle.
    pub products: Vec<ExactSum>,
    /// The sum of the cosine of each feature.
    pub cosines: Vec<i128>,
}

impl Side {
    /// Adds a vector of finite coordinates, or takes it away with `sign` -1. `room` is room to work in.
    pub fn add(&mut self, vector: &[f64], sums: Sums<'_>, sign: i64, room: &mut Vec<f64>) {
        self.rows = self.rows.wrapping_add_signed(sign);
        if let Sums::Cosines(features) = sums {
            let cosines = &mut self.cosines;
            return features.cosines(vector, room, |feature, cosine| {
                if feature >= cosines.len() {
                    cosines.push(0);
                }
                cosines[feature] += i128::from(sign * cosine);
            });
        }
        self.sums.resize(vector.len(), ExactSum::default());
        self.sums.iter_mut().zip(vector).for_each(|(sum, x)| sum.add(sign as f64 * x));
        if let Sums::Products = sums {
            self.add_products(vector, sign, room);
        }
    }

    /// Each product as itself and its rounding error, after Dekker (1971): exact for FLOATs, else to 2^-105 of it.
    fn add_products(&mut self, vector: &[f64], sign: i64, high: &mut Vec<f64>) {
        let largest = vector.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        if !(largest * largest).is_finite() {
            self.overflowed = self.overflowed.wrapping_add_signed(sign);
            return;
        }
        self.products.resize(vector.len() * (vector.len() + 1) / 2, ExactSum::default());
        high.clear();
        high.extend(vector.iter().map(|&x| high_half(x)));
        let mut sums = self.products.iter_mut();
        for (i, &x) in vector.iter().enumerate() {
            let (signed, signed_high) = (sign as f64 * x, sign as f64 * high[i]);
            for ((&y, &y_high), sum) in vector[..=i].iter().zip(&high[..=i]).zip(&mut sums) {
                let product = signed * y;
                let (low, y_low) = (signed - signed_high, y - y_high);
                let error =
                    ((signed_high * y_high - product) + signed_high * y_low + low * y_high) + low * y_low;
                sum.add(product);
                if error != 0.0 {
                    sum.add(error);
                }
            }
        }
    }

    /// Adds another population.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.overflowed += other.overflowed;
        merge(&mut self.sums, &other.sums, ExactSum::merge);
        merge(&mut self.products, &other.products, ExactSum::merge);
        merge(&mut self.cosines, &other.cosines, |sum, more| *sum += more);
    }

    /// The mean vector; `None` without rows or with a sum beyond the largest DOUBLE.
    pub fn mean(&self) -> Option<Vec<f64>> {
        let rows = self.rows as f64;
        (self.rows > 0).then(|| self.sums.iter().map(|sum| Some(sum.value()? / rows)).collect())?
    }

    /// The covariance, `dimension * dimension` numbers over `rows - ddof`, from the exact sums in twice the precision of
    /// DOUBLE, so that a mean far from 0 costs no digit.
    pub fn covariance(&self, ddof: u64) -> Option<Vec<f64>> {
        if self.rows <= ddof || self.overflowed > 0 {
            return None;
        }
        let rows = self.rows as f64;
        let divisor = rows * (self.rows - ddof) as f64;
        let sums: Vec<(f64, f64)> = self.sums.iter().map(two_parts).collect::<Option<_>>()?;
        let dimension = sums.len();
        let mut covariance = vec![0.0; dimension * dimension];
        let mut products = self.products.iter();
        for i in 0..dimension {
            for (j, sum) in (0..=i).zip(&mut products) {
                let (high, low) = two_parts(sum)?;
                let scaled = high * rows;
                let scaled_low = high.mul_add(rows, -scaled) + low * rows;
                let squared = sums[i].0 * sums[j].0;
                let squared_low =
                    sums[i].0.mul_add(sums[j].0, -squared) + sums[i].0 * sums[j].1 + sums[i].1 * sums[j].0;
                let difference = two_difference(scaled, squared);
                let value = (difference.0 + (difference.1 + (scaled_low - squared_low))) / divisor;
                if !value.is_finite() {
                    return None;
                }
                covariance[i * dimension + j] = value;
                covariance[j * dimension + i] = value;
            }
        }
        Some(covariance)
    }

    /// Heap memory.
    pub fn heap_bytes(&self) -> usize {
        let sums = self.sums.iter().chain(&self.products).map(ExactSum::heap_bytes).sum::<usize>();
        sums + (self.sums.capacity() + self.products.capacity()) * size_of::<ExactSum>()
            + self.cosines.capacity() * size_of::<i128>()
    }
}

fn merge<T: Clone + Default>(ours: &mut Vec<T>, theirs: &[T], join: impl Fn(&mut T, &T)) {
    if ours.len() < theirs.len() {
        ours.resize(theirs.len(), T::default());
    }
    ours.iter_mut().zip(theirs).for_each(|(sum, more)| join(sum, more));
}

/// A sum as the nearest DOUBLE and what it leaves.
fn two_parts(sum: &ExactSum) -> Option<(f64, f64)> {
    let high = sum.value()?;
    let mut rest = sum.clone();
    rest.add(-high);
    Some((high, rest.value()?))
}

/// A difference and its rounding error, after Knuth.
fn two_difference(a: f64, b: f64) -> (f64, f64) {
    let difference = a - b;
    let of_b = difference - a;
    (difference, (a - (difference - of_b)) - (b + of_b))
}

/// The upper 26 bits of a number's mantissa.
fn high_half(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & !((1 << 27) - 1))
}
