//! `centroid_drift`: how far the mean embedding has moved.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::{Choice, EmbeddingMeasure, Metric, documentation};
use crate::options::named::NamedOptions;

pub(super) static CENTROID_DRIFT: EmbeddingMeasure =
    EmbeddingMeasure { name: "centroid_drift", parse, documentation: || &DOCUMENTATION };

fn parse(text: &str) -> Result<Choice, String> {
    const METRICS: [(&str, Metric); 2] = [("cosine", Metric::Cosine), ("euclidean", Metric::Euclidean)];
    let options = NamedOptions::parse(text, &["metric"])?;
    Ok(Choice::Centroids(options.choice("metric", &METRICS)?.unwrap_or(Metric::Cosine)))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::embedding(
        "centroid_drift",
        "How far the mean embedding has moved: DOUBLE, the cosine distance of the two mean vectors from 0 to 2, or their \
         Euclidean distance.\n\n\
         `1 - (r · c) / (|r| |c|)`, or `sqrt(sum (r_i - c_i)²)`, where r and c are the mean vectors. Source: \
         scipy.spatial.distance.cosine and euclidean. The cosine is NULL when a mean vector is 0. It sees a move of the \
         mean alone: `mmd_rff` sees a change of spread or of clusters too. Memory: about 100 bytes a coordinate and side.",
        "`metric=cosine` (default) or `metric=euclidean`.",
    )
});
