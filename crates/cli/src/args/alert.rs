//! The command line of `driftline alert`.

use std::time::{Duration, SystemTime};

use clap::{Args as ClapArgs, Subcommand};

use super::{Format, parse_time};

const EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry alert test prompt_drift --over 30d
  driftline --db ./telemetry alert test prompt_drift --at 2026-08-30 --over 90d --format csv
  driftline --db ./telemetry alert test \"CREATE ALERT slow EVERY '1 hour' AS SELECT service_name,
      approx_percentile_cont(duration_ms, 0.95) AS value FROM llm_calls
      WHERE time >= now() - INTERVAL '1 hour' GROUP BY 1 HAVING value > 5000\"

The alert is asked at each of its times, with the rows of that time, and nobody is told: a row is a
series that would have fired. It is the way to choose a threshold.";

#[derive(Debug, ClapArgs)]
pub(crate) struct AlertArgs {
    #[command(subcommand)]
    pub(crate) command: AlertCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// Replay an alert over history, and show when it would have fired
    #[command(after_help = EXAMPLES)]
    Test(TestArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TestArgs {
    /// Name of the alert, or a whole CREATE ALERT statement
    #[arg(value_name = "ALERT")]
    pub(crate) alert: String,

    /// Where the replay ends, as 2026-09-01 or 2026-09-01T12:00:00Z; without it, now
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) at: Option<SystemTime>,

    /// How much history is replayed, as in 12h or 30d
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = humantime::parse_duration)]
    pub(crate) over: Duration,

    /// Evaluate so often instead of as often as the alert says, as in 1h: faster, and may miss what is short
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) every: Option<Duration>,

    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}
