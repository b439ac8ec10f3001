//! Functions over two populations: `f(value, is_current [, options])`.
//!
//! A [`Comparison`] is the declaration of one SQL function. What is kept of a group follows from its [`Measure`], the type
//! of the value and the options, and is written once for all functions, in `kept`:
//!
//! | measure | value | kept | state that travels |
//! |---|---|---|---|
//! | `Ranked`, `Bounded`, `Mixed` | numbers | the finite values as ordered keys | sorted runs, merged in the final step |
//! | `Binned` | numbers | the finite values as ordered keys | the keys |
//! | any of these, past `drift.exact_max_rows` | numbers | a distribution a side | the distributions |
//! | `Binned` | numbers, `edges=[...]` | counts a bin | counts |
//! | `Binned`, `Mixed`, `Categories` | booleans | two counts a side | counts |
//! | `Binned`, `Mixed`, `Categories` | text | counts a distinct text | texts and counts |
//! | `Flagged` | booleans | two counts a side | counts |
//! | `Presence` | anything | one count a side | counts |
//!
//! | any but `Ranked` | against a baseline | counts a bin, or a distinct text | the choice of a reference, texts and counts |
//! | `Summary` | numbers; texts and booleans | as `Ranked`; as `Binned` | |
//!
//! With each goes how many rows of each side were left out: NULL, NaN, infinite. So partial states merge in any order to
//! the same integers, and floats appear only when a group is finished.

mod accumulator;
mod against;
mod binning;
mod evidence;
mod excluded;
mod function;
mod groups_accumulator;
pub(crate) mod kept;
mod results;
pub(crate) mod rows;
pub(crate) mod value;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, Documentation};

use crate::kernels::distribution::Distribution;
use crate::options::{OptionName, Options, Profile};

pub(crate) use binning::in_order_of_counts;
pub(crate) use evidence::{Counts, EXACT, Labels, Population, Sorted};
pub(crate) use excluded::Excluded;
pub(crate) use function::ComparisonFunction;
pub(crate) use results::{Answer, Cell, Kind, Results, Returns};

/// What one SQL function over two populations is.
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    /// The options it takes, in the order in which messages list them.
    pub(crate) options: &'static [OptionName],
    pub(crate) returns: Returns,
    pub(crate) measure: Measure,
    pub(crate) documentation: fn() -> &'static Documentation,
}

/// The answer, from the finished populations. Which one a function has says what values it takes.
pub(crate) enum Measure {
    /// From counts over the same bins: of numbers by the options' binning, of texts and booleans by value. Never called
    /// with an empty side.
    Binned(fn(&Counts<'_>, &Options) -> Answer),
    /// From the sorted numbers of both sides, the one order in which float sums are taken. Never called with an empty side.
    Ranked(fn(&Sorted<'_>, &Options) -> Answer),
    /// As `Ranked`, and within bounds from the distributions of both sides, where there are more values than exact modes keep.
    Bounded {
        exact: fn(&Sorted<'_>, &Options) -> Answer,
        bounds: fn(&Distribution, &Distribution, &Options) -> Answer,
    },
    /// From the counts of false and true, in this order. Never called with an empty side.
    Flagged(fn(&Counts<'_>, &Options) -> Answer),
    /// From the sorted numbers, or from the counts of categories. Neither is called with an empty side.
    Mixed { numbers: fn(&Sorted<'_>, &Options) -> Answer, categories: fn(&Counts<'_>, &Options) -> Answer },
    /// From the counts of categories alone. Never called with an empty side.
    Categories(fn(&Counts<'_>, &Options) -> Answer),
    /// As `default`, unless option `profile` names a tool whose convention is another measure.
    Profiled { default: &'static Measure, profiles: &'static [(Profile, Measure)] },
    /// From values of any type: one bin counts those that are not NULL, the others are among the excluded. Either may be 0.
    Presence(fn(&Counts<'_>, &Options) -> Answer),
    /// What a baseline keeps of one population, the reference; the other is empty. Called without values, too.
    Summary(fn(&Population<'_>, Excluded) -> Answer),
}

impl Measure {
    /// Whether it is made from sorted numbers alone.
    pub(crate) fn ranks(&self) -> bool {
        matches!(self, Self::Ranked(_) | Self::Bounded { .. })
    }

    /// The measure without options.
    pub(crate) fn plain(&self) -> &Self {
        match self {
            Self::Profiled { default, .. } => default,
            plain => plain,
        }
    }

    /// The measure that a profile asks for.
    fn of_profile(&'static self, profile: Option<Profile>) -> Result<&'static Self, String> {
        let (Self::Profiled { profiles, .. }, Some(profile)) = (self, profile) else {
            return Ok(self.plain());
        };
        profiles.iter().find(|(known, _)| *known == profile).map(|(_, measure)| measure).ok_or_else(|| {
            let known: Vec<&str> = profiles.iter().map(|(known, _)| known.text()).collect();
            let (profile, known) = (profile.text(), known.join(", "));
            format!(
                "{profile} has no such measure, so there is no profile '{profile}' of it (known: {known})"
            )
        })
    }
}

/// A function with its options read: what finishes a group.
#[derive(Clone)]
pub(crate) struct Plan {
    comparison: &'static Comparison,
    /// The comparison's measure, or that of the profile.
    measure: &'static Measure,
    options: Arc<Options>,
    /// Whether the column holds whole numbers by its type.
    integers: bool,
    /// Whether all rows are current, the reference being a stored one.
    against_baseline: bool,
    /// Most values of a group that exact modes keep.
    exact_max_rows: usize,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("name", &self.comparison.name).field("options", &self.options).finish()
    }
}

/// Makes the aggregate function of a comparison.
pub(crate) fn function(comparison: &'static Comparison) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(ComparisonFunction::new(comparison)))
}
