//! `mmd_rff`: the squared maximum mean discrepancy by random Fourier features.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::{Choice, EmbeddingMeasure, documentation};
use crate::options::named::NamedOptions;

const FEATURES_DEFAULT: usize = 512;
const FEATURES_MAX: usize = 16_384;
const SEED_DEFAULT: u64 = 42;

pub(super) static MMD_RFF: EmbeddingMeasure =
    EmbeddingMeasure { name: "mmd_rff", parse, documentation: || &DOCUMENTATION };

fn parse(text: &str) -> Result<Choice, String> {
    let options = NamedOptions::parse(text, &["features", "seed", "gamma"])?;
    Ok(Choice::Features {
        features: options.whole("features", 1..=FEATURES_MAX)?.unwrap_or(FEATURES_DEFAULT),
        seed: options.whole("seed", 0..=u64::MAX)?.unwrap_or(SEED_DEFAULT),
        gamma: options.number("gamma", |gamma| gamma > 0.0, "be a number above 0")?,
    })
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::embedding(
        "mmd_rff",
        "The squared maximum mean discrepancy of two populations of embeddings under the kernel `exp(-gamma |x - y|²)`, by \
         random Fourier features: DOUBLE from 0 upwards, 0 for equal populations. It sees any change, not of the mean alone.\n\n\
         `mmd² = 2 / D * sum over features j of (mean_r cos(w_j · x + b_j) - mean_c cos(w_j · x + b_j))²`, which differs from \
         the kernel's own (biased) estimate by an error of order `1 / sqrt(D)`. Two samples of m and n rows of one population \
         are expected to differ by about `(1 / m + 1 / n)`, so compare with what earlier windows of the same size gave. \
         Source: Rahimi and Recht 2007, Gretton et al. 2012.\n\n\
         The features can be drawn again elsewhere: splitmix64 from `seed`; each output z gives `u = ((z >> 11) + 0.5) / 2^53`; \
         for each feature in turn its coordinates two by two by Box-Muller (`r = sqrt(-2 ln u1)`, then `r cos(2 pi u2)` and \
         `r sin(2 pi u2)`, of which an odd dimension drops the last), each times `sqrt(2 gamma)`; then its phase `2 pi u`. Each \
         cosine is cut to a multiple of 2^-60. Memory: 16 bytes a feature and side, and once a task 8 bytes a feature and \
         coordinate. Errors: features times coordinates above 2^24.",
        "`features=512` (1 to 16384); `seed=42`; `gamma`, by default 1 / the length of the embeddings, whatever the rows.",
    )
});
