//! What the numbers of one column mean: the threshold, whether it drifted, and in words what to know of the row.

use driftline_functions::baseline::Kind;
use driftline_functions::kernels::gamma;

use super::detail::{Group, Measured, Psi};
use super::history::{History, WINDOWS_MIN};
use super::plan::{Layout, ReportColumn};

/// What PSI must reach at least: commonly watched from here on.
pub(super) const THRESHOLD: f64 = 0.1;
/// What the adjusted p-value must not reach: the share of columns and segments that chance may flag.
pub(super) const LEVEL: f64 = 0.01;
/// Rows of each population for every bin, below which a large PSI may be chance.
const ROWS_A_BIN_MIN: u64 = 50;
/// A text column of more distinct values looks like an id.
const TEXTS_MAX: u64 = 1_000;
/// So does one of more than this many, where most values are distinct.
const TEXTS_OF_FEW_ROWS_MAX: u64 = 50;

/// Why a column has no score, if it has none.
pub(super) fn no_score(
    column: &ReportColumn,
    measured: &Measured,
    group: &Group,
    layout: &Layout,
) -> Option<String> {
    let Some(psi) = &measured.psi else { return Some(one_sided(measured, group, layout)) };
    if psi.bins <= 1 {
        return Some("constant: one value on both sides".to_owned());
    }
    if column.kind == Kind::Text && !column.named {
        let values: u64 = measured.values.iter().flatten().sum();
        let mostly_distinct = psi.bins > TEXTS_OF_FEW_ROWS_MAX && psi.bins > values / 2;
        if psi.bins > TEXTS_MAX || mostly_distinct {
            return Some(format!(
                "not comparable: looks like an id or free text, {} distinct values in {values}; name it in columns to compare it",
                psi.bins
            ));
        }
    }
    None
}

fn one_sided(measured: &Measured, group: &Group, layout: &Layout) -> String {
    let mut reasons = vec![];
    for (side, name) in ["reference", "current"].iter().enumerate() {
        if (side == 0 && layout.baseline) || measured.values[side] != Some(0) {
            continue;
        }
        match group.rows[side] {
            0 => reasons.push(format!("no {name} rows")),
            rows => reasons.push(format!("no {name} values: all of {rows} rows are NULL, NaN or infinite")),
        }
    }
    match reasons.is_empty() {
        true => "the baseline has no values".to_owned(),
        false => reasons.join(", "),
    }
}

/// What a score is held against.
pub(super) fn threshold(history: Option<History>) -> f64 {
    match history {
        Some(History::Of { quantile, .. }) => quantile.max(THRESHOLD),
        _ => THRESHOLD,
    }
}

/// Which threshold it is, and why.
pub(super) fn threshold_note(history: Option<History>, layout: &Layout, whole: &Group) -> String {
    let windows = "historical same-weekday windows";
    match history {
        Some(History::Of { windows: count, quantile }) if quantile > THRESHOLD => {
            format!("threshold {}: the 95 % quantile of {count} {windows}", short(quantile))
        }
        Some(History::Of { windows: count, quantile }) => format!(
            "threshold {THRESHOLD}: above {}, the 95 % quantile of {count} {windows}",
            short(quantile)
        ),
        Some(History::TooFew(count)) => {
            let windows = if count == 1 { "historical same-weekday window" } else { windows };
            format!("threshold {THRESHOLD}: {count} {windows}, {WINDOWS_MIN} are needed")
        }
        Some(History::TooManyBins) => format!("threshold {THRESHOLD}: too many categories for {windows}"),
        None if layout.baseline => format!("threshold {THRESHOLD}: a stored baseline has no {windows}"),
        None if !layout.has_time => format!("threshold {THRESHOLD}: no column time, so no {windows}"),
        None if whole.times.is_none() => format!("threshold {THRESHOLD}: no {windows}"),
        None => format!("threshold {THRESHOLD}"),
    }
}

/// What chance does to populations of this size: `(1/n_ref + 1/n_cur)` times a chi-squared variable of `bins - 1` degrees of freedom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance {
    scale: f64,
    dof: f64,
}

impl Chance {
    pub(super) fn of(measured: &Measured, psi: &Psi) -> Self {
        let [reference, current] = measured.values.map(|values| values.unwrap_or(0).max(1) as f64);
        Self { scale: 1.0 / reference + 1.0 / current, dof: psi.bins.saturating_sub(1) as f64 }
    }

    /// The PSI that chance gives on average.
    pub(super) fn mean(&self) -> f64 {
        self.scale * self.dof
    }

    fn exceeds(&self, psi: f64) -> f64 {
        gamma::chi2_survival(psi / self.scale, self.dof)
    }
}

/// Says that a population is small, and what chance does then.
pub(super) fn small_note(measured: &Measured, psi: &Psi) -> Option<String> {
    let needed = ROWS_A_BIN_MIN * psi.bins;
    let [reference, current] = measured.values.map(|values| values.unwrap_or(0));
    let (name, rows) = match reference < current {
        true => ("reference", reference),
        false => ("current window", current),
    };
    if rows >= needed {
        return None;
    }
    let percent = 100.0 * Chance::of(measured, psi).exceeds(THRESHOLD);
    let percent = if percent < 0.1 { "less than 0.1".to_owned() } else { short(percent) };
    Some(format!(
        "{name} has {rows} rows: PSI above {THRESHOLD} is expected by chance in {percent} % of windows; need >= {needed}"
    ))
}

/// Two significant digits, or whole numbers.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (1 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests;
