//! `psi_between`: the population stability index between two distributions.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::super::documentation;
use super::{Between, Measure};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(in super::super) static PSI_BETWEEN: Between = Between {
    name: "psi_between",
    options: &[OptionName::Bins, OptionName::Eps],
    measure: Measure::Binned(|r, c, options| divergence::psi(r, c, options.eps)),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::binned(
        "psi_between",
        "Population stability index between two distributions, DOUBLE from 0 (equal) upwards; 0.1 is commonly watched, 0.25 is commonly acted on.\n\n\
         `psi = sum over bins of (c - r) * ln(c / r)` with the shares `r` of the reference and `c` of the current distribution, each \
         clipped at `eps` from below and not renormalised: `psi` over bins at ends of buckets. Source: Siddiqi, Credit Risk \
         Scorecards (2006), with the bins and the clipping named here.",
        "`eps=1e-4`: the least share of a bin, in (0, 1)",
    )
});
