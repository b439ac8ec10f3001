//! `ks_test`: the two-sample Kolmogorov-Smirnov test.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Answer, Cell, Comparison, Kind, Measure, Returns, Sorted};
use crate::aggregate::documentation;
use crate::kernels::distribution::{self, Distribution};
use crate::kernels::ks::{self, Alternative, Method, MethodUsed};
use crate::options::{self, OptionName, Options};

pub(crate) static KS_TEST: Comparison = Comparison {
    name: "ks_test",
    options: &[OptionName::Method, OptionName::Alternative],
    returns: Returns::Struct(&[
        ("statistic", Kind::Double),
        ("p_value", Kind::Double),
        ("location", Kind::Double),
        ("sign", Kind::Integer),
        ("method", Kind::Text),
        ("n_ref", Kind::BigInt),
        ("n_cur", Kind::BigInt),
        ("lo", Kind::Double),
        ("hi", Kind::Double),
    ]),
    measure: Measure::Bounded { exact: measure, bounds },
    documentation: || &DOCUMENTATION,
};

fn measure(sides: &Sorted<'_>, options: &Options) -> Answer {
    let method = match options.method {
        options::Method::Auto => Method::Auto,
        options::Method::Exact => Method::Exact,
        options::Method::Asymptotic => Method::Asymptotic,
    };
    let alternative = alternative(options);
    let test = ks::ks_test(sides.reference, sides.current, method, alternative);
    let used = match test.method {
        MethodUsed::Exact => "exact",
        MethodUsed::Asymptotic => "asymp",
    };
    Answer::Struct(vec![
        Cell::Double(test.statistic),
        Some(test.p_value).filter(|p_value| !p_value.is_nan()).into(),
        Cell::Double(test.location),
        Cell::Integer(test.sign),
        Cell::Text(used.into()),
        Cell::Count(sides.reference.len() as u64),
        Cell::Count(sides.current.len() as u64),
        Cell::Double(test.statistic),
        Cell::Double(test.statistic),
    ])
}

/// Between which bounds the statistic lies. A one-sided one is not more than that of both sides.
fn bounds(reference: &Distribution, current: &Distribution, options: &Options) -> Answer {
    let Some(bounds) = distribution::ks(reference, current) else { return Answer::Null };
    let lo = match alternative(options) {
        Alternative::TwoSided => bounds.lo,
        Alternative::Less | Alternative::Greater => 0.0,
    };
    Answer::Struct(vec![
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Null,
        Cell::Text("bounds".into()),
        Cell::Count(reference.count()),
        Cell::Count(current.count()),
        Cell::Double(lo),
        Cell::Double(bounds.hi),
    ])
}

pub(crate) fn alternative(options: &Options) -> Alternative {
    match options.alternative {
        options::Alternative::TwoSided => Alternative::TwoSided,
        options::Alternative::Less => Alternative::Less,
        options::Alternative::Greater => Alternative::Greater,
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &KS_TEST,
        "Two-sample Kolmogorov-Smirnov test, STRUCT(statistic DOUBLE, p_value DOUBLE, location DOUBLE, sign \
         INTEGER, method TEXT, n_ref BIGINT, n_cur BIGINT, lo DOUBLE, hi DOUBLE).\n\n\
         `statistic = max |F(x) - G(x)|` with the empirical distributions `F` of the reference and `G` of the current \
         population; `location` is the `x` where it is reached, `sign` is 1 where `F` lies above `G` there and -1 where it \
         lies below; `n_ref` and `n_cur` count the values used. `statistic`, `p_value`, `location` and `sign` equal \
         `scipy.stats.ks_2samp(reference, current)` of scipy 1.17 to 1e-9. `method` says how the p-value was made: `exact` \
         (up to 10000 values a side by default), or `asymp`: `scipy.stats.kstwo.sf` at the rounded effective size, not \
         Kolmogorov's limit. Source: Hodges (1958), Simard and L'Ecuyer (2011).\n\n\
         `lo` and `hi` are both the statistic, unless a group has more values than `drift.exact_max_rows`: then `method` is \
         `bounds`, the statistic lies from `lo` to `hi`, and `statistic`, `p_value`, `location` and `sign` are NULL.\n\n\
         The p-value assumes independent rows: 200 conversations of 5 rows each reject 38 % at a nominal 5 %. At millions of \
         rows it is near 0 for shifts that matter to nobody: alert on the statistic.\n\n\
         NULL values and rows with NULL `is_current` are ignored; NaN and infinities are left out. The result is NULL when a \
         side has no value. Text, BOOLEAN and TIMESTAMP values are refused. Needs 8 bytes a value. Works in `OVER` windows.",
        "`method=auto`, `exact` or `asymp`; `alternative=two-sided`, `less` or `greater` (`F` lies below, above `G` \
         somewhere).",
    )
});
