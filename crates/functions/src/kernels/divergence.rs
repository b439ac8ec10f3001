//! How far apart two histograms over the same bins are. All functions take counts and return `None` when a side is empty.

use std::f64::consts::LN_2;

/// Population stability index: the sum over bins of `(c - r) ln(c / r)`, shares clipped at `eps` from below, not renormalised.
pub fn psi(reference: &[u64], current: &[u64], eps: f64) -> Option<f64> {
    Some(psi_parts(reference, current, eps)?.sum())
}

/// What each bin adds to [`psi`].
pub fn psi_parts(reference: &[u64], current: &[u64], eps: f64) -> Option<impl Iterator<Item = f64>> {
    let (r, c) = totals(reference, current)?;
    Some(pairs(reference, current).map(move |(x, y)| {
        let (p, q) = ((x / r).max(eps), (y / c).max(eps));
        (q - p) * (q / p).ln()
    }))
}

/// Kullback-Leibler divergence of the current from the reference, `sum r ln(r / c)` in nats; shares are clipped at `eps`
/// from below and renormalised.
pub fn kl_divergence(reference: &[u64], current: &[u64], eps: f64) -> Option<f64> {
    let (r, c) = totals(reference, current)?;
    let clipped = |count: f64, total: f64| (count / total).max(eps);
    let sum_r: f64 = pairs(reference, current).map(|(x, _)| clipped(x, r)).sum();
    let sum_c: f64 = pairs(reference, current).map(|(_, y)| clipped(y, c)).sum();
    let sum: f64 = pairs(reference, current)
        .map(|(x, y)| {
            let (p, q) = (clipped(x, r) / sum_r, clipped(y, c) / sum_c);
            p * (p / q).ln()
        })
        .sum();
    Some(sum.max(0.0))
}

/// Jensen-Shannon divergence in bits, unsmoothed: 0 for equal shares, 1 for disjoint ones.
pub fn js_divergence(reference: &[u64], current: &[u64]) -> Option<f64> {
    let (r, c) = totals(reference, current)?;
    let part = |p: f64, m: f64| if p > 0.0 { p * (p / m).ln() } else { 0.0 };
    let sum: f64 = pairs(reference, current)
        .map(|(x, y)| {
            let (p, q) = (x / r, y / c);
            let m = (p + q) / 2.0;
            part(p, m) + part(q, m)
        })
        .sum();
    Some((sum / 2.0 / LN_2).clamp(0.0, 1.0))
}

/// Jensen-Shannon distance: the root of [`js_divergence`].
pub fn js_distance(reference: &[u64], current: &[u64]) -> Option<f64> {
    js_divergence(reference, current).map(f64::sqrt)
}

/// Hellinger distance, `sqrt(sum (sqrt r - sqrt c)² / 2)`: 0 for equal shares, 1 for disjoint ones.
pub fn hellinger(reference: &[u64], current: &[u64]) -> Option<f64> {
    let (r, c) = totals(reference, current)?;
    let apart = |(x, y): (f64, f64)| ((x / r).sqrt() - (y / c).sqrt()).powi(2);
    let sum: f64 = pairs(reference, current).map(apart).sum();
    Some((sum / 2.0).sqrt().min(1.0))
}

/// Total variation distance, `sum |r - c| / 2`: the share of rows that would have to move.
pub fn tv_distance(reference: &[u64], current: &[u64]) -> Option<f64> {
    let (r, c) = totals(reference, current)?;
    let sum: f64 = pairs(reference, current).map(|(x, y)| (x / r - y / c).abs()).sum();
    Some((sum / 2.0).min(1.0))
}

/// The largest difference of one bin's shares, `max |r - c|`.
pub fn linf_distance(reference: &[u64], current: &[u64]) -> Option<f64> {
    let (r, c) = totals(reference, current)?;
    Some(pairs(reference, current).map(|(x, y)| (x / r - y / c).abs()).fold(0.0, f64::max))
}

fn totals(reference: &[u64], current: &[u64]) -> Option<(f64, f64)> {
    assert_eq!(reference.len(), current.len(), "both sides over the same bins");
    let (r, c): (u64, u64) = (reference.iter().sum(), current.iter().sum());
    (r > 0 && c > 0).then_some((r as f64, c as f64))
}

fn pairs(reference: &[u64], current: &[u64]) -> impl Iterator<Item = (f64, f64)> {
    reference.iter().zip(current).map(|(&x, &y)| (x as f64, y as f64))
}

#[cfg(test)]
mod tests;
