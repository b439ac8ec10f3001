//! Version 1: `prometheus.WriteRequest`. Its metadata comes in requests of its own, long before or after the samples: it is not kept.

use super::{
    RemoteWrite, decode,
    labels::Label,
    messages::{MetricType, v1},
    series::{SeriesSet, TimeSeries},
    series_fields,
};
use crate::error::Result;

const SERIES: u64 = 1;
/// Fields that only version 2 has.
const OF_V2: &[u64] = &[4, 5];
/// Fields of a series that are items: samples, exemplars, histograms.
const ITEMS: [u64; 3] = [2, 3, 4];

/// Reads a body.
///
/// # Errors
/// `Invalid` where it breaks off, or is of version 2.
pub(super) fn read(body: &[u8], series: &mut SeriesSet) -> Result<()> {
    for field in series_fields(RemoteWrite::V1, body, SERIES, OF_V2) {
        let Some(found) = decode::<v1::TimeSeries>(&field?, ITEMS, series) else { continue };
        let exemplars = found.exemplars.iter();
        series.add(TimeSeries {
            labels: labels(&found.labels),
            samples: &found.samples,
            histograms: &found.histograms,
            exemplars: exemplars.map(|e| (Ok(labels(&e.labels)), e.value, e.timestamp)).collect(),
            kind: MetricType::Unspecified,
            unit: "",
            created_ms: 0,
        });
    }
    Ok(())
}

fn labels(labels: &[v1::Label]) -> Vec<Label<'_>> {
    labels.iter().map(|label| (label.name.as_str(), label.value.as_str())).collect()
}
