//! Prometheus remote write: bodies of version 1 and 2 become requests of OpenTelemetry, and those rows of `metrics`.
//!
//! Series are read one by one, so that a bad one does not take its neighbours with it. What becomes what is in `docs/otlp-mapping.md`.

mod exemplars;
mod histograms;
mod labels;
mod messages;
mod points;
mod series;
mod v1;
mod v2;

use std::fmt;

use arrow::array::{Array, AsArray, RecordBatch};
use prost::Message;

use crate::{
    error::{Error, Result},
    mapper::{Mapped, Mapper, Rejects},
    meaning::Place,
    wire::fields::{Field, Fields},
};
pub(crate) use labels::label_of;
use series::SeriesSet;

/// The version of a remote write body, which only its sender knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemoteWrite {
    /// `prometheus.WriteRequest`: texts as they are, no metadata beside the samples.
    V1,
    /// `io.prometheus.write.v2.Request`: texts in a table of symbols, kind and unit of each series.
    V2,
}

impl RemoteWrite {
    /// All versions.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The full name of the message in protobuf.
    pub fn message(self) -> &'static str {
        match self {
            Self::V1 => "prometheus.WriteRequest",
            Self::V2 => "io.prometheus.write.v2.Request",
        }
    }
}

impl fmt::Display for RemoteWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// What of a remote write request became part of rows, counted as its sender counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoteWritten {
    /// Samples that are numbers.
    pub samples: u64,
    /// Samples that are native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// Exemplars that were left out because the request had no sample of their series: Prometheus cuts its batches anywhere, so this is
    /// nobody's mistake. They are among the rejected, too.
    pub stray_exemplars: u64,
}

impl Mapper {
    /// Decodes and maps one body of Prometheus remote write (decompressed).
    ///
    /// # Errors
    /// `Invalid` when the body is not of this version. What is bad in a good body is counted in [`Mapped::rejected`].
    pub fn remote_write(&self, version: RemoteWrite, body: &[u8]) -> Result<(Mapped, RemoteWritten)> {
        let mut series = SeriesSet::default();
        match version {
            RemoteWrite::V1 => v1::read(body, &mut series)?,
            RemoteWrite::V2 => v2::read(body, &mut series)?,
        }
        let (request, mut rejects, strays) = series.finish();
        let mapped = self.metrics_of(Place::Target, request);
        let written = written(&mapped, strays);
        rejects.merge(Rejects(mapped.rejected));
        Ok((Mapped { rejected: rejects.0, ..mapped }, written))
    }
}

fn written(mapped: &Mapped, stray_exemplars: u64) -> RemoteWritten {
    let rows = mapped.batches.first().map(|(_, batch)| batch);
    let histograms = rows.map_or(0, histograms_of);
    let exemplars = rows.map_or(0, exemplars_of);
    RemoteWritten { samples: mapped.accepted - histograms, histograms, exemplars, stray_exemplars }
}

fn histograms_of(rows: &RecordBatch) -> u64 {
    let kinds = rows.column_by_name("kind").and_then(|kinds| kinds.as_string_opt::<i32>());
    let is_histogram = |kind: &str| matches!(kind, "histogram" | "exponential_histogram");
    kinds.map_or(0, |kinds| kinds.iter().flatten().filter(|kind| is_histogram(kind)).count() as u64)
}

fn exemplars_of(rows: &RecordBatch) -> u64 {
    let lists = rows.column_by_name("exemplars").and_then(|lists| lists.as_list_opt::<i32>());
    lists.map_or(0, |lists| lists.values().len() as u64)
}

/// The fields of a body that are series, one by one. Fields that only the `other` version has say that it is of that.
fn series_fields<'a>(
    version: RemoteWrite,
    body: &'a [u8],
    number: u64,
    others: &'static [u64],
) -> impl Iterator<Item = Result<Field<'a>>> {
    Fields::new(body, 0).filter_map(move |field| match field {
        Ok(field) if field.number == number => Some(Ok(field)),
        Ok(field) if others.contains(&field.number) => Some(Err(Error::invalid(format!(
            "body is no {version}: field {} belongs to another message, which the content-type must name",
            field.number
        )))),
        Ok(_) => None,
        Err(offset) => Some(Err(Error::invalid(format!("body is no {version}: broken at byte {offset}")))),
    })
}

/// Decodes one series; one that cannot be is counted with its points.
fn decode<T: Message + Default>(field: &Field<'_>, items: [u64; 3], series: &mut SeriesSet) -> Option<T> {
    match T::decode(field.bytes) {
        Ok(decoded) => Some(decoded),
        Err(error) => {
            let found = Fields::new(field.bytes, 0).flatten().filter(|field| items.contains(&field.number));
            series.reject(&format!("series: {}", crate::wire::reason(&error)), (found.count() as u64).max(1));
            None
        }
    }
}

#[cfg(test)]
mod tests;
