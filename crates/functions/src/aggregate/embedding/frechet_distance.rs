//! `frechet_distance`: how far apart two populations of embeddings are as Gaussians.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::{Choice, EmbeddingMeasure, documentation};
use crate::options::named::NamedOptions;

pub(super) static FRECHET_DISTANCE: EmbeddingMeasure =
    EmbeddingMeasure { name: "frechet_distance", parse, documentation: || &DOCUMENTATION };

fn parse(text: &str) -> Result<Choice, String> {
    let options = NamedOptions::parse(text, &["ddof"])?;
    Ok(Choice::Gaussians { ddof: options.whole("ddof", 0..=1)?.unwrap_or(1) })
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::embedding(
        "frechet_distance",
        "The Fréchet distance of two populations of embeddings, each taken as a Gaussian (as in the Fréchet inception \
         distance): the squared 2-Wasserstein distance, DOUBLE from 0 upwards, in the square of the embeddings' unit.\n\n\
         `|m_r - m_c|² + tr(S_r + S_c - 2 (S_r S_c)^(1/2))` with mean vectors m and covariances S. Source: Dowson and Landau \
         1982, Heusel et al. 2017; checked against numpy. Covariances without full rank (fewer rows than coordinates) need \
         no regularisation. NULL when a side has no more rows than `ddof`.\n\n\
         Memory: about 50 bytes times the square of the coordinates a side, whatever the rows; time of a result grows with \
         the cube of the coordinates. Errors: more than 1024 coordinates.",
        "`ddof=1` (default) or `ddof=0`: covariances over n - 1 or n rows.",
    )
});
