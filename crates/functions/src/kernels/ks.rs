//! The two-sample Kolmogorov-Smirnov test, number for number as scipy 1.17's `ks_2samp(reference, current)`.
//!
//! Which p-value is computed when is part of the convention: exact up to [`EXACT_AUTO_MAX`] values a side, else asymptotic
//! at the effective size `nm / (n + m)` rounded half to even.

use super::keys::value_of;
use super::{kolmogorov, ks_exact};

/// Largest side for which the automatic method is exact.
pub const EXACT_AUTO_MAX: usize = 10_000;

/// How to compute the p-value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Exact up to [`EXACT_AUTO_MAX`] values a side.
    Auto,
    /// Exact where its numbers can be held, else asymptotic.
    Exact,
    /// The distribution of the one-sample statistic at the effective size.
    Asymptotic,
}

/// How a p-value was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodUsed {
    /// By counting paths.
    Exact,
    /// At the effective size.
    Asymptotic,
}

/// The alternative hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// The distributions differ.
    TwoSided,
    /// The reference's distribution function lies below somewhere.
    Less,
    /// The reference's distribution function lies above somewhere.
    Greater,
}

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KsTest {
    /// The largest difference of the empirical distribution functions, in [0, 1].
    pub statistic: f64,
    /// The probability of a difference at least as large without drift; NaN for one value a side by the asymptotic method, whose
    /// effective size is 0 then.
    pub p_value: f64,
    /// The value at which the difference is largest.
    pub location: f64,
    /// 1 where the reference's distribution function lies above there, else -1.
    pub sign: i32,
    /// How the p-value was computed.
    pub method: MethodUsed,
}

/// Compares two sorted, non-empty populations of keys.
pub fn ks_test(reference: &[u64], current: &[u64], method: Method, alternative: Alternative) -> KsTest {
    let (n, m) = (reference.len(), current.len());
    assert!(n > 0 && m > 0, "both populations have values");
    let (difference, at, sign) = largest(reference, current, alternative);
    let exact = match method {
        Method::Auto => n.max(m) <= EXACT_AUTO_MAX,
        Method::Exact => ks_exact::is_feasible(n, m),
        Method::Asymptotic => false,
    };
    let (statistic, p_value, method) = match exact.then(|| ks_exact::p_value(n, m, difference, alternative)) {
        Some((statistic, Some(p_value))) => (statistic, p_value, MethodUsed::Exact),
        Some((statistic, None)) => {
            (statistic, asymptotic(n, m, statistic, alternative), MethodUsed::Asymptotic)
        }
        None => (difference, asymptotic(n, m, difference, alternative), MethodUsed::Asymptotic),
    };
    KsTest { statistic, p_value: p_value.clamp(0.0, 1.0), location: value_of(at), sign, method }
}

/// The statistic that [`ks_test`] gives by the automatic method, without its p-value.
pub fn ks_statistic(reference: &[u64], current: &[u64], alternative: Alternative) -> f64 {
    let (n, m) = (reference.len(), current.len());
    assert!(n > 0 && m > 0, "both populations have values");
    let (difference, ..) = largest(reference, current, alternative);
    if n.max(m) <= EXACT_AUTO_MAX { ks_exact::on_grid(n, m, difference).0 } else { difference }
}

/// The difference that the alternative asks for, the key where it is reached, and its sign.
fn largest(reference: &[u64], current: &[u64], alternative: Alternative) -> (f64, u64, i32) {
    let (below, above) = extremes(reference, current);
    let below_by = (-below.difference).clamp(0.0, 1.0);
    let takes_below = match alternative {
        Alternative::Less => true,
        Alternative::Greater => false,
        Alternative::TwoSided => below_by > above.difference,
    };
    if takes_below { (below_by, below.key, -1) } else { (above.difference, above.key, 1) }
}

/// The least or the largest difference of two distribution functions, and where.
#[derive(Clone, Copy)]
struct Extreme {
    difference: f64,
    key: u64,
}

/// The least and the largest `F(x) - G(x)` over all values of both sides.
///
/// Ties go to the least value of the reference, else to the least of the current population, as scipy reports them.
fn extremes(reference: &[u64], current: &[u64]) -> (Extreme, Extreme) {
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let start = |difference| Extreme { difference, key: 0 };
    // per side: index 0 where the value occurs in the reference, 1 where only in the current population
    let mut least = [start(f64::INFINITY); 2];
    let mut most = [start(f64::NEG_INFINITY); 2];
    let (mut i, mut j) = (0, 0);
    while i < reference.len() || j < current.len() {
        let of_reference = reference.get(i).copied().unwrap_or(u64::MAX);
        let of_current = current.get(j).copied().unwrap_or(u64::MAX);
        let key = of_reference.min(of_current);
        while i < reference.len() && reference[i] == key {
            i += 1;
        }
        while j < current.len() && current[j] == key {
            j += 1;
        }
        let difference = i as f64 / n - j as f64 / m;
        let side = usize::from(of_reference != key);
        if difference < least[side].difference {
            least[side] = Extreme { difference, key };
        }
        if difference > most[side].difference {
            most[side] = Extreme { difference, key };
        }
    }
    let below = if least[0].difference <= least[1].difference { least[0] } else { least[1] };
    let above = if most[0].difference >= most[1].difference { most[0] } else { most[1] };
    (below, above)
}

fn asymptotic(n: usize, m: usize, statistic: f64, alternative: Alternative) -> f64 {
    let (larger, smaller) = (n.max(m) as f64, n.min(m) as f64);
    let effective = larger * smaller / (larger + smaller);
    if alternative == Alternative::TwoSided {
        let size = effective.round_ties_even();
        return if size == 0.0 { f64::NAN } else { kolmogorov::survival(size, statistic) };
    }
    // Hodges (1958), equation 5.3
    let z = effective.sqrt() * statistic;
    let correction =
        2.0 * z * (larger + 2.0 * smaller) / (larger * smaller * (larger + smaller)).sqrt() / 3.0;
    (-2.0 * z * z - correction).exp()
}

#[cfg(test)]
mod tests;
