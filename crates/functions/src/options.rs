//! The one text literal of options that drift functions take last: `'bins=20, eps=1e-4, edges=[0, 1, 2]'`.
//!
//! This module knows the syntax and the single options; which of them a function accepts is the function's own list.
//! Every refusal names the value and what is allowed.

pub(crate) mod named;
mod session;

pub use session::DriftOptions;

use crate::kernels::bins::BINS_MAX;

/// An option that some function knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptionName {
    Bins,
    Binning,
    Edges,
    Eps,
    Method,
    Alternative,
    Correction,
    Profile,
}

impl OptionName {
    const ALL: [Self; 8] = [
        Self::Bins,
        Self::Binning,
        Self::Edges,
        Self::Eps,
        Self::Method,
        Self::Alternative,
        Self::Correction,
        Self::Profile,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::Bins => "bins",
            Self::Binning => "binning",
            Self::Edges => "edges",
            Self::Eps => "eps",
            Self::Method => "method",
            Self::Alternative => "alternative",
            Self::Correction => "correction",
            Self::Profile => "profile",
        }
    }
}

/// How a numeric column is cut into bins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Binning {
    /// At the quantiles of the reference.
    Quantile { bins: usize },
    /// In equal widths between the least and the largest value of the reference.
    Uniform { bins: usize },
    /// The same, as many as Sturges' rule makes of the reference.
    Sturges,
    /// The same, as many as Doane's rule makes of the reference.
    Doane,
    /// At the caller's edges.
    Edges(Vec<f64>),
}

/// A tool whose convention is followed to the digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Evidently,
    Nannyml,
    Fiddler,
    PopmonNorm,
    Deepchecks,
}

impl Profile {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Evidently => "evidently",
            Self::Nannyml => "nannyml",
            Self::Fiddler => "fiddler",
            Self::PopmonNorm => "popmon_norm",
            Self::Deepchecks => "deepchecks",
        }
    }
}

const PROFILES: [(&str, Profile); 5] = [
    ("evidently", Profile::Evidently),
    ("nannyml", Profile::Nannyml),
    ("fiddler", Profile::Fiddler),
    ("popmon_norm", Profile::PopmonNorm),
    ("deepchecks", Profile::Deepchecks),
];

/// How a p-value is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Auto,
    Exact,
    Asymptotic,
}

/// Against which alternative a test is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alternative {
    TwoSided,
    Less,
    Greater,
}

/// Options with their defaults: ten bins at the reference's deciles, shares clipped at 1e-4, a two-sided test, Yates'
/// correction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) binning: Binning,
    pub(crate) eps: f64,
    pub(crate) method: Method,
    pub(crate) alternative: Alternative,
    /// Whether a test of two categories is corrected for continuity.
    pub(crate) correction: bool,
    /// Another tool's convention instead of ours; it leaves no other choice.
    pub(crate) profile: Option<Profile>,
    /// Whether bins, binning or edges were given: they mean nothing for categories.
    pub(crate) binning_given: Option<OptionName>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            binning: Binning::Quantile { bins: DEFAULT_BINS },
            eps: DEFAULT_EPS,
            method: Method::Auto,
            alternative: Alternative::TwoSided,
            correction: true,
            profile: None,
            binning_given: None,
        }
    }
}

const DEFAULT_BINS: usize = 10;
const DEFAULT_EPS: f64 = 1e-4;

impl Options {
    /// Reads `text`; only the options in `known` are accepted.
    pub(crate) fn parse(text: &str, known: &[OptionName]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut seen: Vec<OptionName> = Vec::new();
        let (mut bins, mut binning, mut edges) = (None, None, None);
        for part in split(text)? {
            let (key, value) = key_and_value(part)?;
            let name = find(key, known)?;
            if seen.contains(&name) {
                return Err(format!("option '{key}' is given twice"));
            }
            seen.push(name);
            match name {
                OptionName::Bins => bins = Some(parse_bins(value)?),
                OptionName::Binning => binning = Some(choose(key, value, &RULES)?),
                OptionName::Profile => options.profile = Some(choose(key, value, &PROFILES)?),
                OptionName::Edges => edges = Some(parse_edges(value)?),
                OptionName::Eps => options.eps = parse_eps(value)?,
                OptionName::Method => options.method = choose(key, value, &METHODS)?,
                OptionName::Alternative => options.alternative = choose(key, value, &ALTERNATIVES)?,
                OptionName::Correction => {
                    options.correction = choose(key, value, &[("true", true), ("false", false)])?
                }
            }
            if matches!(name, OptionName::Bins | OptionName::Binning | OptionName::Edges) {
                options.binning_given = Some(name);
            }
        }
        if options.profile.is_some()
            && let Some(other) = seen.iter().find(|name| **name != OptionName::Profile)
        {
            let other = other.text();
            return Err(format!(
                "option 'profile' cannot be combined with '{other}': a profile is a whole convention"
            ));
        }
        options.binning = match (edges, bins, binning) {
            (Some(edges), None, None) => Binning::Edges(edges),
            (Some(_), ..) => return Err("option 'edges' cannot be combined with 'bins' or 'binning'".into()),
            (None, bins, Some(Rule::Uniform)) => Binning::Uniform { bins: bins.unwrap_or(DEFAULT_BINS) },
            (None, bins, Some(Rule::Quantile) | None) => {
                Binning::Quantile { bins: bins.unwrap_or(DEFAULT_BINS) }
            }
            (None, Some(_), Some(Rule::Sturges | Rule::Doane)) => {
                return Err(
                    "option 'bins' is for binning=quantile and uniform: sturges and doane choose the number"
                        .into(),
                );
            }
            (None, None, Some(Rule::Sturges)) => Binning::Sturges,
            (None, None, Some(Rule::Doane)) => Binning::Doane,
        };
        Ok(options)
    }

    /// Refuses bins for a column of categories, where each category is a bin.
    pub(crate) fn check_categories(&self) -> Result<(), String> {
        match self.binning_given {
            Some(name) => Err(format!(
                "option '{}' is for numbers: text and boolean values are categories",
                name.text()
            )),
            None => Ok(()),
        }
    }
}

/// A named rule for bins.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Quantile,
    Uniform,
    Sturges,
    Doane,
}

const RULES: [(&str, Rule); 4] = [
    ("quantile", Rule::Quantile),
    ("uniform", Rule::Uniform),
    ("sturges", Rule::Sturges),
    ("doane", Rule::Doane),
];
const METHODS: [(&str, Method); 3] =
    [("auto", Method::Auto), ("exact", Method::Exact), ("asymp", Method::Asymptotic)];
const ALTERNATIVES: [(&str, Alternative); 3] =
    [("two-sided", Alternative::TwoSided), ("less", Alternative::Less), ("greater", Alternative::Greater)];

/// The name in `candidates` that is most like `name`, if any is like it.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const SIMILARITY_MIN: f64 = 0.7;
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn find(key: &str, known: &[OptionName]) -> Result<OptionName, String> {
    if let Some(&name) = known.iter().find(|name| name.text().eq_ignore_ascii_case(key)) {
        return Ok(name);
    }
    let listed: Vec<&str> = known.iter().map(|name| name.text()).collect();
    if OptionName::ALL.iter().any(|name| name.text().eq_ignore_ascii_case(key)) {
        return Err(format!("option '{key}' does not apply here ({})", taken(&listed)));
    }
    Err(unknown(key, &listed))
}

/// Refuses an option that no function has.
fn unknown(key: &str, listed: &[&str]) -> String {
    let takes = taken(listed);
    match nearest(&key.to_ascii_lowercase(), listed.iter().copied()) {
        Some(near) => format!("unknown option '{key}' (did you mean '{near}'? {takes})"),
        None => format!("unknown option '{key}' ({takes})"),
    }
}

fn taken(listed: &[&str]) -> String {
    match listed {
        [] => "this function takes no options".to_string(),
        _ => format!("known: {}", listed.join(", ")),
    }
}

fn key_and_value(part: &str) -> Result<(&str, &str), String> {
    let (key, value) =
        part.split_once('=').ok_or_else(|| format!("option '{part}' must have the form name=value"))?;
    Ok((key.trim(), value.trim()))
}

fn choose<T: Copy>(key: &str, value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, choice)) = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(value)) {
        return Ok(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    Err(format!("option '{key}' must be one of {}, got '{value}'", names.join(", ")))
}

fn parse_bins(value: &str) -> Result<usize, String> {
    value
        .parse()
        .ok()
        .filter(|bins| (2..=BINS_MAX).contains(bins))
        .ok_or_else(|| format!("option 'bins' must be a whole number from 2 to {BINS_MAX}, got '{value}'"))
}

fn parse_eps(value: &str) -> Result<f64, String> {
    value
        .parse()
        .ok()
        .filter(|&eps: &f64| eps > 0.0 && eps < 1.0)
        .ok_or_else(|| format!("option 'eps' must lie in (0, 1), got '{value}'"))
}

fn parse_edges(value: &str) -> Result<Vec<f64>, String> {
    let inner = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or_else(|| format!("option 'edges' must be a list such as [0, 0.5, 1], got '{value}'"))?;
    let edges = inner
        .split(',')
        .map(|edge| {
            let edge = edge.trim();
            edge.parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .map(|number| number + 0.0)
                .ok_or_else(|| format!("option 'edges' must hold finite numbers, got '{edge}'"))
        })
        .collect::<Result<Vec<f64>, String>>()?;
    if edges.len() >= BINS_MAX {
        return Err(format!(
            "option 'edges' must hold at most {} numbers, got {}",
            BINS_MAX - 1,
            edges.len()
        ));
    }
    match edges.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(format!("option 'edges' must rise strictly, got {} before {}", pair[0], pair[1])),
        None => Ok(edges),
    }
}

/// Splits at commas outside brackets. Empty text has no parts.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' if depth == 0 => {
                return Err(format!("options '{text}' close a bracket that was never opened"));
            }
            ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err(format!("options '{text}' leave a bracket open"));
    }
    if parts.is_empty() && text.trim().is_empty() {
        return Ok(parts);
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

#[cfg(test)]
mod tests;
