//! The options of the functions of model quality: `'average=macro'`, `'positive=fraud'`, `'bins=15, binning=quantile'`.

use crate::kernels::bins::BINS_MAX;
use crate::kernels::classification::Weighing;
use crate::options::named::NamedOptions;

pub(super) const POSITIVE: &str = "positive";
pub(super) const AVERAGE: &str = "average";
pub(super) const BINS: &str = "bins";
pub(super) const BINNING: &str = "binning";

/// Over which classes a measure is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Average {
    /// Of the positive class alone.
    Binary,
    /// Over all rows, whatever their class.
    Micro,
    /// Of every class, and the mean of those.
    Classes(Weighing),
}

/// Where probabilities are cut into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binning {
    Uniform,
    Quantile,
}

/// Options with their defaults: the positive class, ten bins of equal width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) positive: Option<String>,
    pub(super) average: Average,
    pub(super) bins: usize,
    pub(super) binning: Binning,
}

impl Default for Options {
    fn default() -> Self {
        Self { positive: None, average: Average::Binary, bins: 10, binning: Binning::Uniform }
    }
}

const AVERAGES: [(&str, Average); 4] = [
    ("binary", Average::Binary),
    ("micro", Average::Micro),
    ("macro", Average::Classes(Weighing::Equal)),
    ("weighted", Average::Classes(Weighing::BySupport)),
];
const BINNINGS: [(&str, Binning); 2] = [("uniform", Binning::Uniform), ("quantile", Binning::Quantile)];

impl Options {
    /// Reads `text`; only the options in `known` are accepted.
    pub(super) fn parse(text: &str, known: &[&'static str]) -> Result<Self, String> {
        let given = NamedOptions::parse(text, known)?;
        let default = Self::default();
        let options = Self {
            positive: given.text(POSITIVE).map(str::to_string),
            average: given.choice(AVERAGE, &AVERAGES)?.unwrap_or(default.average),
            bins: given.whole(BINS, 2..=BINS_MAX)?.unwrap_or(default.bins),
            binning: given.choice(BINNING, &BINNINGS)?.unwrap_or(default.binning),
        };
        match options.average {
            Average::Binary => Ok(options),
            _ if options.positive.is_none() => Ok(options),
            _ => Err("option 'positive' names the one class of average=binary".into()),
        }
    }
}
