//! `drift_auto`: the test that evidently chooses for a column, and its verdict.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Answer, Cell, Comparison, Counts, Kind, Measure, Returns, Sorted};
use crate::aggregate::documentation;
use crate::kernels::contingency::Power;
use crate::kernels::conventions::evidently;
use crate::kernels::ks::{self, Alternative, Method};
use crate::kernels::pooled::ties;
use crate::kernels::{proportions, transport};

/// A larger reference is compared by a distance instead of a p-value.
const TESTED_ROWS_MAX: u64 = 1000;
/// Numbers with at most so many distinct values are categories.
const CATEGORIES_MAX: usize = 5;
/// A p-value below it is a drift; of ks one at it, too.
const P_VALUE_DRIFTED: f64 = 0.05;
/// A distance from here on is a drift.
const DISTANCE_DRIFTED: f64 = 0.1;

pub(crate) static DRIFT_AUTO: Comparison = Comparison {
    name: "drift_auto",
    options: &[],
    returns: Returns::Struct(&[
        ("test", Kind::Text),
        ("score", Kind::Double),
        ("threshold", Kind::Double),
        ("drifted", Kind::Boolean),
    ]),
    measure: Measure::Mixed {
        numbers: |sides, _| of_numbers(sides),
        categories: |counts, _| of_categories(counts),
    },
    documentation: || &DOCUMENTATION,
};

fn of_numbers(sides: &Sorted<'_>) -> Answer {
    let (reference, current) = (sides.reference, sides.current);
    let distinct = ties(reference, current).take(CATEGORIES_MAX + 1).count();
    let is_tested = reference.len() as u64 <= TESTED_ROWS_MAX;
    if distinct > CATEGORIES_MAX {
        return if is_tested {
            let test = ks::ks_test(reference, current, Method::Auto, Alternative::TwoSided);
            verdict("ks", test.p_value, P_VALUE_DRIFTED, test.p_value <= P_VALUE_DRIFTED)
        } else {
            by_distance("wasserstein", transport::wasserstein_norm(reference, current))
        };
    }
    let [r, c] = evidently::values(reference, current);
    of_counts(&r, &c)
}

fn of_categories(counts: &Counts<'_>) -> Answer {
    of_counts(counts.reference, counts.current)
}

/// Over counts of categories that one side has at least.
fn of_counts(reference: &[u64], current: &[u64]) -> Answer {
    let (n, m): (u64, u64) = (reference.iter().sum(), current.iter().sum());
    if n > TESTED_ROWS_MAX {
        return by_distance("jensenshannon", evidently::js_distance(reference, current).unwrap_or(0.0));
    }
    if reference.len() > 2 {
        // more than one category, so there is a p-value
        let p_value = evidently::fit(reference, current, Power::Pearson).p_value.unwrap_or(1.0);
        return by_p_value("chisquare", p_value);
    }
    // one against the rest: of two categories it does not matter which
    by_p_value("z", proportions::z_test(reference[0], n, current[0], m).p_value)
}

fn by_p_value(test: &'static str, p_value: f64) -> Answer {
    verdict(test, p_value, P_VALUE_DRIFTED, p_value < P_VALUE_DRIFTED)
}

fn by_distance(test: &'static str, distance: f64) -> Answer {
    verdict(test, distance, DISTANCE_DRIFTED, distance >= DISTANCE_DRIFTED)
}

fn verdict(test: &'static str, score: f64, threshold: f64, drifted: bool) -> Answer {
    Answer::Struct(vec![
        Cell::Text(test.into()),
        Cell::Double(score),
        Cell::Double(threshold),
        Cell::Boolean(drifted),
    ])
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &DRIFT_AUTO,
        "The test that evidently chooses for a column and its verdict, STRUCT(test TEXT, score DOUBLE, threshold DOUBLE, drifted \
         BOOLEAN): to migrate from it, or for a first look at many columns.\n\n\
         | reference | numbers, more than 5 distinct | numbers, 3 to 5 | texts, more than 2 distinct | 1 or 2 distinct |\n\
         |---|---|---|---|---|\n\
         | up to 1000 rows | `ks`, p <= 0.05 | `chisquare`, p < 0.05 | `chisquare`, p < 0.05 | `z`, p < 0.05 |\n\
         | more | `wasserstein`, >= 0.1 | `jensenshannon`, >= 0.1 | `jensenshannon`, >= 0.1 | `jensenshannon`, >= 0.1 |\n\n\
         Distinct values are counted over both sides. `ks` is the p-value of `ks_test`, `chisquare` that of `chi2_test` with \
         `profile=evidently` (a test of fit, which rejects too often), `z` that of `z_test_prop`, `wasserstein` is \
         `wasserstein_norm`, `jensenshannon` is `js_distance` with `profile=evidently`. Equal to evidently 0.7.23 to 1e-9. \
         Source: evidently's `get_stattest` and default thresholds.\n\n\
         At 1000 rows the meaning of `score` turns over: a p-value falls with drift, a distance rises. BOOLEAN counts as text. \
         NULL values and rows with NULL `is_current` are ignored; NaN and infinities are left out. The result is NULL when a \
         side has no value. TIMESTAMP values are refused. Numbers need 8 bytes a value, and a group with more than \
         `drift.exact_max_rows` (50 million) of them fails. Works in `OVER` windows.",
        "",
    )
});
