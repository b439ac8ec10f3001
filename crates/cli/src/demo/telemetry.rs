//! What the bot and its people report, day by day: OTLP bodies as an exporter sends them, and the labels as rows of a user table.

mod attributes;
mod evaluations;
mod labels;
mod metrics;
mod spans;

use anyhow::Result;
use arrow::record_batch::RecordBatch;
use driftline::Signal;
use prost::Message;

use super::bot::{Bot, Turn};
use super::calendar::{Calendar, LABEL_DELAY_DAYS};

pub(super) use labels::{LABELS_TABLE, create_table as create_labels_table};

/// Spans in one request, as a busy batching exporter sends them.
const SPANS_PER_REQUEST: usize = 2_000;

/// What is sent at once, and what it adds: the database stores all of it or nothing.
pub(super) struct Delivery {
    pub(super) table: &'static str,
    pub(super) rows: usize,
    pub(super) body: Body,
}

pub(super) enum Body {
    /// An OTLP request in protobuf.
    Otlp(Signal, Vec<u8>),
    /// Rows of a user table.
    Rows(RecordBatch),
}

/// Everything that is sent on the days of the history, in order.
pub(super) struct Telemetry {
    bot: Bot,
    calendar: Calendar,
    /// Labels that are still on their way, oldest first: one batch a day.
    pending_labels: std::collections::VecDeque<RecordBatch>,
}

impl Telemetry {
    pub(super) fn new(seed: u64, calendar: Calendar) -> Self {
        Self { bot: Bot::new(seed, calendar), calendar, pending_labels: std::collections::VecDeque::new() }
    }

    /// The deliveries of one day. Days must be asked for in order: labels arrive two days after the answers.
    pub(super) fn day(&mut self, day: u32) -> Result<Vec<Delivery>> {
        let turns = self.bot.day(day);
        let mut deliveries: Vec<Delivery> =
            turns.chunks(SPANS_PER_REQUEST).map(|chunk| traces(spans::request(chunk), chunk.len())).collect();
        deliveries.push(metrics_of(&turns, self.calendar.start_ns(day)));
        deliveries.extend(evaluations_of(&turns));
        self.pending_labels.push_back(labels::batch(&turns, self.calendar.start_ns(day + LABEL_DELAY_DAYS))?);
        if self.pending_labels.len() > LABEL_DELAY_DAYS as usize {
            deliveries.extend(self.pending_labels.pop_front().map(|rows| Delivery {
                table: LABELS_TABLE,
                rows: rows.num_rows(),
                body: Body::Rows(rows),
            }));
        }
        Ok(deliveries)
    }
}

fn traces(request: impl Message, rows: usize) -> Delivery {
    Delivery { table: "spans", rows, body: Body::Otlp(Signal::Traces, request.encode_to_vec()) }
}

fn metrics_of(turns: &[Turn], day_start_ns: i64) -> Delivery {
    let (request, rows) = metrics::request(turns, day_start_ns);
    Delivery { table: "metrics", rows, body: Body::Otlp(Signal::Metrics, request.encode_to_vec()) }
}

fn evaluations_of(turns: &[Turn]) -> Option<Delivery> {
    let (request, rows) = evaluations::request(turns);
    (rows > 0).then(|| Delivery {
        table: "logs",
        rows,
        body: Body::Otlp(Signal::Logs, request.encode_to_vec()),
    })
}
