//! `psi`: the population stability index.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(crate) static PSI: Comparison = Comparison {
    name: "psi",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges, OptionName::Eps],
    returns: Returns::Double,
    measure: Measure::Binned(|counts, options| {
        divergence::psi(counts.reference, counts.current, options.eps).into()
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &PSI,
        &format!(
            "Population stability index, DOUBLE from 0 (equal) upwards; 0.1 is commonly watched, 0.25 is commonly acted on.\n\n\
             `psi = sum over bins of (c - r) * ln(c / r)` with the shares `r` of the reference and `c` of the current \
             population, each clipped at `eps` from below and not renormalised. Source: Siddiqi, Credit Risk Scorecards \
             (2006), with the bins and the clipping named here.\n\n{BINNED_ROWS}\n\n\
             With B bins and no drift the expected value is about (B - 1)(1/n_ref + 1/n_cur): with ten bins, ask for 500 \
             rows a side before 0.1 means anything."
        ),
        "`eps=1e-4`: the least share of a bin, in (0, 1).",
    )
});
