//! What a body carries and how it is written.

use std::fmt;

/// One of the three signals of OpenTelemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Spans: `ExportTraceServiceRequest`, table `spans`.
    Traces,
    /// Data points: `ExportMetricsServiceRequest`, table `metrics`.
    Metrics,
    /// Log records and events: `ExportLogsServiceRequest`, table `logs`.
    Logs,
}

impl Signal {
    /// All signals.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];

    /// The table that takes it.
    pub fn table(self) -> &'static str {
        match self {
            Self::Traces => "spans",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// The top-level key of the signal's OTLP/JSON form.
    pub(crate) fn json_key(self) -> &'static str {
        match self {
            Self::Traces => "resourceSpans",
            Self::Metrics => "resourceMetrics",
            Self::Logs => "resourceLogs",
        }
    }

    /// What one item is called in messages.
    pub(crate) fn item(self) -> &'static str {
        match self {
            Self::Traces => "span",
            Self::Metrics => "metric",
            Self::Logs => "log record",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        })
    }
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`, the OTLP/JSON form.
    Json,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protobuf => "protobuf",
            Self::Json => "JSON",
        })
    }
}
