//! What the tests of homogeneity share: `chi2_test` and `g_test` return the same fields.

use crate::aggregate::comparison::{Answer, Cell, Counts, Kind, Returns};
use crate::kernels::contingency::{self, Power};
use crate::kernels::conventions::evidently;
use crate::options::{OptionName, Options};

pub(crate) const OPTIONS: &[OptionName] =
    &[OptionName::Bins, OptionName::Binning, OptionName::Edges, OptionName::Correction, OptionName::Profile];

pub(crate) const RETURNS: Returns = Returns::Struct(&[
    ("statistic", Kind::Double),
    ("p_value", Kind::Double),
    ("dof", Kind::BigInt),
    ("min_expected", Kind::Double),
    ("cramers_v", Kind::Double),
    ("n_ref", Kind::BigInt),
    ("n_cur", Kind::BigInt),
]);

pub(crate) fn measure(counts: &Counts<'_>, power: Power, options: &Options) -> Answer {
    answer(counts.reference, counts.current, power, options.correction)
}

/// The test of two rows of counts.
pub(crate) fn answer(reference: &[u64], current: &[u64], power: Power, correction: bool) -> Answer {
    let Some(test) = contingency::homogeneity(reference, current, power, correction) else {
        return Answer::Null;
    };
    Answer::Struct(vec![
        Cell::Double(test.statistic),
        Cell::Double(test.p_value),
        Cell::Count(test.dof),
        Cell::Double(test.min_expected),
        test.cramers_v.into(),
        Cell::Count(reference.iter().sum()),
        Cell::Count(current.iter().sum()),
    ])
}

/// What evidently tests instead: how well the current population fits the reference.
pub(crate) fn of_fit(reference: &[u64], current: &[u64], power: Power) -> Answer {
    let fit = evidently::fit(reference, current, power);
    let v =
        contingency::homogeneity(reference, current, Power::Pearson, true).and_then(|test| test.cramers_v);
    Answer::Struct(vec![
        fit.statistic.into(),
        fit.p_value.into(),
        Cell::Count(fit.dof),
        Cell::Double(fit.min_expected),
        v.into(),
        Cell::Count(reference.iter().sum()),
        Cell::Count(current.iter().sum()),
    ])
}

pub(crate) const CORRECTION: &str = "`correction=true` or `false`: whether a table of two categories is corrected for \
    continuity (Yates), as scipy does by default.";

/// What the documentation of both says behind the formula.
pub(crate) const FIELDS: &str = "`dof` is the number of categories less one, those that neither side has not counted. A single \
    category has statistic 0 and p-value 1. `min_expected` is the least expected count: below 5 the p-value is rough. \
    `cramers_v` is the effect size, as the function of that name returns it. `n_ref` and `n_cur` count the values used.\n\n\
    It is a test of homogeneity, of two samples. A test of fit of the current population against the reference, as some tools \
    make, takes the reference for the truth: at 1000 rows a side it rejects 35 % at a nominal 5 %. The p-value assumes \
    independent rows, and at millions of rows it is near 0 for shifts that matter to nobody: alert where it is below 0.05 and \
    `cramers_v` is 0.1 or more. Numbers are counted in bins; a code that is a number is a category after a cast to TEXT.";
