//! The options of `psi_ci`: `'resamples=1000, level=0.95, seed=42, interval=percentile, bins=10, eps=1e-4'`.

use crate::kernels::bins::BINS_MAX;
use crate::kernels::bootstrap::Interval;
use crate::options::named::NamedOptions;

const KNOWN: [&str; 6] = ["bins", "eps", "resamples", "level", "seed", "interval"];
const INTERVALS: [(&str, Interval); 2] = [("percentile", Interval::Percentile), ("basic", Interval::Basic)];
/// Fewer say little of the tails; more cost time without end.
const RESAMPLES_MIN: usize = 100;
const RESAMPLES_MAX: usize = 100_000;

#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) bins: usize,
    /// Whether they were given: they mean nothing for categories.
    pub(super) bins_given: bool,
    pub(super) eps: f64,
    pub(super) resamples: usize,
    pub(super) level: f64,
    pub(super) seed: u64,
    pub(super) interval: Interval,
}

impl Options {
    /// Reads `text`; no text is every default.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let given = NamedOptions::parse(text, &KNOWN)?;
        let within = |number: f64| number > 0.0 && number < 1.0;
        let bins = given.whole("bins", 2..=BINS_MAX)?;
        Ok(Self {
            bins: bins.unwrap_or(10),
            bins_given: bins.is_some(),
            eps: given.number("eps", within, "lie in (0, 1)")?.unwrap_or(1e-4),
            resamples: given.whole("resamples", RESAMPLES_MIN..=RESAMPLES_MAX)?.unwrap_or(1000),
            level: given.number("level", within, "lie in (0, 1)")?.unwrap_or(0.95),
            seed: given.whole("seed", 0..=u64::MAX)?.unwrap_or(42),
            interval: given.choice("interval", &INTERVALS)?.unwrap_or(Interval::Percentile),
        })
    }
}
