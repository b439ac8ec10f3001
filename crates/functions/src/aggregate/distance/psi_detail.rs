//! `psi_detail`: the population stability index with its parts, and how much of it chance explains.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Answer, Cell, Comparison, Counts, Kind, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::{divergence, gamma};
use crate::options::{OptionName, Options};

/// Most bins in the list: those of numbers never reach it, of more categories the ones that moved most are listed.
const LISTED_MAX: usize = 10_000;

pub(crate) static PSI_DETAIL: Comparison = Comparison {
    name: "psi_detail",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges, OptionName::Eps],
    returns: Returns::Struct(&[
        ("psi", Kind::Double),
        ("p_value", Kind::Double),
        ("null_q95", Kind::Double),
        ("n_ref", Kind::BigInt),
        ("n_cur", Kind::BigInt),
        ("n_excluded_ref", Kind::BigInt),
        ("n_excluded_cur", Kind::BigInt),
        ("n_bins", Kind::BigInt),
        ("method", Kind::Text),
        ("bins", Kind::Rows(BIN)),
    ]),
    measure: Measure::Binned(measure),
    documentation: || &DOCUMENTATION,
};

const BIN: &[(&str, Kind)] = &[
    ("lo", Kind::Double),
    ("hi", Kind::Double),
    ("category", Kind::Text),
    ("ref", Kind::BigInt),
    ("cur", Kind::BigInt),
    ("part", Kind::Double),
];

fn measure(counts: &Counts<'_>, options: &Options) -> Answer {
    let Some(parts) = divergence::psi_parts(counts.reference, counts.current, options.eps) else {
        return Answer::Null;
    };
    let parts: Vec<f64> = parts.collect();
    let psi: f64 = parts.iter().sum();
    let [n_ref, n_cur] = counts.totals();
    let n_bins = counts.reference.iter().zip(counts.current).filter(|(r, c)| **r + **c > 0).count();
    let dof = (n_bins - 1) as f64;
    let scale = 1.0 / n_ref as f64 + 1.0 / n_cur as f64;
    let bins = in_order(counts, &parts).into_iter().map(|bin| row(counts, &parts, bin)).collect();
    Answer::Struct(vec![
        Cell::Double(psi),
        Cell::Double(gamma::chi2_survival(psi / scale, dof)),
        Cell::Double(scale * gamma::chi2_quantile_of_survival(0.05, dof)),
        Cell::Count(n_ref),
        Cell::Count(n_cur),
        Cell::Count(counts.excluded[0].total()),
        Cell::Count(counts.excluded[1].total()),
        Cell::Count(n_bins as u64),
        Cell::Text(counts.method.into()),
        Cell::Rows(bins),
    ])
}

/// Bins of numbers from low to high; categories by falling part, then by name.
fn in_order(counts: &Counts<'_>, parts: &[f64]) -> Vec<usize> {
    let mut bins: Vec<usize> = (0..parts.len()).collect();
    if counts.labels.category(0).is_some() {
        bins.sort_unstable_by(|&a, &b| {
            let names = || counts.labels.category(a).cmp(&counts.labels.category(b));
            parts[b].total_cmp(&parts[a]).then_with(names)
        });
    }
    bins.truncate(LISTED_MAX);
    bins
}

fn row(counts: &Counts<'_>, parts: &[f64], bin: usize) -> Vec<Cell> {
    let (lo, hi) = counts.labels.edges(bin);
    let category = counts.labels.category(bin);
    vec![
        lo.into(),
        hi.into(),
        category.map_or(Cell::Null, |text| Cell::Text(text.to_string().into())),
        Cell::Count(counts.reference[bin]),
        Cell::Count(counts.current[bin]),
        Cell::Double(parts[bin]),
    ]
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    let mut documentation = documentation::comparison(
        &PSI_DETAIL,
        &format!(
            "Population stability index with its parts, STRUCT(psi DOUBLE, p_value DOUBLE, null_q95 DOUBLE, n_ref BIGINT, n_cur \
             BIGINT, n_excluded_ref BIGINT, n_excluded_cur BIGINT, n_bins BIGINT, method TEXT, bins STRUCT(lo DOUBLE, hi DOUBLE, category \
             TEXT, ref BIGINT, cur BIGINT, part DOUBLE)[]).\n\n\
             `psi` is what `psi` returns, bit for bit. Without drift it is about `(1/n_ref + 1/n_cur)` times a chi-squared \
             variable of `n_bins - 1` degrees of freedom: `p_value` is the probability of a `psi` at least as large by chance, \
             `null_q95` the value that chance exceeds once in 20. Alert where `p_value < 0.01` and `psi >= 0.1`: a small window \
             has a large `psi` by chance, a large one a small `p_value` for shifts that matter to nobody. The rule is rough \
             where a bin expects less than 10 rows, and it assumes independent rows: 200 conversations of 5 turns reject 38 % at a nominal \
             5 %; for rows that come in conversations or users ask `psi_ci`. Source: Yurdakul, Statistical Properties \
             of Population Stability Index (2018).\n\n\
             `n_ref` and `n_cur` count the values used, `n_excluded_ref` and `n_excluded_cur` the NULL, NaN and infinite ones \
             left out. `n_bins` counts the bins that hold a row. `method` is `exact`, or `buckets` where a group has more values than \
             `drift.exact_max_rows`: bins at quantiles have moved to the nearest ends of buckets then, and their counts are exact. \
             `bins` lists what each adds: `ref` and `cur` rows, `part` of \
             `psi`. Bins of numbers go from `lo` (included) to `hi` (excluded), NULL where they are open, from low to high; \
             categories come by falling `part`, at most {LISTED_MAX}.\n\n{BINNED_ROWS}"
        ),
        "`eps=1e-4`: the least share of a bin, in (0, 1).",
    );
    documentation.sql_example = Some(EXAMPLE.to_string());
    documentation
});

/// One row a bin.
const EXAMPLE: &str = "SELECT round(d['psi'], 6) AS psi, round(d['p_value'], 6) AS p_value, b['lo'] AS lo, b['hi'] AS hi, \
    b['ref'] AS ref, b['cur'] AS cur, round(b['part'], 6) AS part\n\
    FROM (SELECT d, unnest(d['bins']) AS b FROM (SELECT psi_detail(confidence, day >= 8, 'edges=[0.8, 0.9]') AS d\n\
    \x20     FROM (VALUES (1, 0.91), (2, 0.94), (3, 0.95), (4, 0.86), (8, 0.92), (9, 0.71), (9, 0.78), (9, 0.88)) AS t (day, confidence)))";
