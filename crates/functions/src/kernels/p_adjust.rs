//! P-values adjusted for being many.

/// What an adjustment keeps below the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// Benjamini and Hochberg (1995): the share of false discoveries, for independent tests.
    BenjaminiHochberg,
    /// Benjamini and Yekutieli (2001): the share of false discoveries, whatever the tests depend on.
    BenjaminiYekutieli,
    /// Holm (1979): the chance of any false discovery.
    Holm,
    /// The chance of any false discovery, each by the same factor.
    Bonferroni,
}

/// Adjusts p-values in [0, 1] in their order: element for element as statsmodels' `multipletests`.
///
/// ```
/// use driftline_functions::kernels::p_adjust::{Adjustment, adjust};
/// let mut p_values = [0.01, 0.04, 0.03];
/// adjust(&mut p_values, Adjustment::Bonferroni);
/// assert_eq!(p_values, [0.03, 0.12, 0.09]);
/// ```
pub fn adjust(p_values: &mut [f64], adjustment: Adjustment) {
    let count = p_values.len() as f64;
    if adjustment == Adjustment::Bonferroni {
        p_values.iter_mut().for_each(|p| *p = (*p * count).min(1.0));
        return;
    }
    let mut rising: Vec<usize> = (0..p_values.len()).collect();
    rising.sort_unstable_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    if adjustment == Adjustment::Holm {
        let mut reached = 0.0f64;
        for (below, &at) in rising.iter().enumerate() {
            reached = reached.max(p_values[at] * (count - below as f64)).min(1.0);
            p_values[at] = reached;
        }
        return;
    }
    let factor = match adjustment {
        Adjustment::BenjaminiYekutieli => (1..=p_values.len()).map(|rank| 1.0 / rank as f64).sum(),
        _ => 1.0,
    };
    let mut reached = 1.0f64;
    for (below, &at) in rising.iter().enumerate().rev() {
        reached = reached.min(p_values[at] * (count / (below + 1) as f64) * factor);
        p_values[at] = reached;
    }
}

#[cfg(test)]
mod tests;
