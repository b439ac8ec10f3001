//! Requests built by hand, byte for byte as senders write them, and the rows that they become.

mod bad;
mod histograms;
mod redacted;
mod samples;

use prost::Message;

use super::messages::{self, Count, MetricType, Sample, ZeroCount, v1, v2};
use super::points::{Budget, STALE};
use super::series::SeriesSet;
use super::{RemoteWrite, RemoteWritten};
use crate::mapper::tests::build::{Rows, mapper, pairs};
use crate::{Mapped, Rejected};

const TIME_MS: i64 = 1_700_000_000_123;
const TIME_NS: &str = "1700000000123000000";

/// The messages around series, as a sender writes them.
#[derive(Clone, PartialEq, Message)]
struct V1 {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<v1::TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct V2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<v2::TimeSeries>,
}

impl V2 {
    fn new() -> Self {
        Self { symbols: vec![String::new()], timeseries: Vec::new() }
    }

    /// The place of a text in the table of symbols.
    fn symbol(&mut self, text: &str) -> u32 {
        let place = self.symbols.iter().position(|symbol| symbol == text).unwrap_or_else(|| {
            self.symbols.push(text.to_owned());
            self.symbols.len() - 1
        });
        place as u32
    }

    fn labels(&mut self, labels: &[(&str, &str)]) -> Vec<u32> {
        labels.iter().flat_map(|(name, value)| [self.symbol(name), self.symbol(value)]).collect()
    }

    /// Adds a series of this kind and unit.
    fn push(&mut self, labels: &[(&str, &str)], kind: MetricType, unit: &str, series: v2::TimeSeries) {
        let labels_refs = self.labels(labels);
        let metadata = Some(v2::Metadata { r#type: kind as i32, unit_ref: self.symbol(unit) });
        self.timeseries.push(v2::TimeSeries { labels_refs, metadata, ..series });
    }
}

fn labels(labels: &[(&str, &str)]) -> Vec<v1::Label> {
    let label =
        |(name, value): &(&str, &str)| v1::Label { name: (*name).to_owned(), value: (*value).to_owned() };
    labels.iter().map(label).collect()
}

fn sample(value: f64, timestamp: i64) -> Sample {
    Sample { value, timestamp, start_timestamp: 0 }
}

/// A series of version 1 with one sample.
fn series(pairs: &[(&str, &str)]) -> v1::TimeSeries {
    v1::TimeSeries { labels: labels(pairs), samples: vec![sample(1.0, TIME_MS)], ..Default::default() }
}

fn map(version: RemoteWrite, body: &impl Message) -> (Mapped, RemoteWritten) {
    mapper().remote_write(version, &body.encode_to_vec()).expect("a body of this version")
}

fn map_v1(timeseries: Vec<v1::TimeSeries>) -> (Mapped, RemoteWritten) {
    map(RemoteWrite::V1, &V1 { timeseries })
}

/// Reasons and counts.
fn rejected(mapped: &Mapped) -> Vec<(&str, u64)> {
    mapped.rejected.iter().map(|Rejected { reason, count }| (reason.as_str(), *count)).collect()
}

/// The values of several columns in a row; `None` is NULL.
fn values<const N: usize>(rows: &Rows<'_>, row: usize, columns: [&str; N]) -> [Option<String>; N] {
    columns.map(|column| rows.get(column, row))
}

fn texts<const N: usize>(texts: [&str; N]) -> [Option<String>; N] {
    texts.map(|text| (text != "NULL").then(|| text.to_owned()))
}
