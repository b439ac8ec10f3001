//! The command line of `driftline slo`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

const APPLY_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry slo apply slos/*.yaml
  driftline --db ./telemetry slo apply slos.yaml --dry-run     what would be made, as SQL
  cat slos.yaml | driftline --db ./telemetry slo apply -
  driftline --db ./telemetry slo apply slos.yaml --dry-run | driftline sql --url grpc://127.0.0.1:32010

The files are OpenSLO v1, with SQL as metric queries (type: driftline, spec: {query: SELECT time FROM
llm_calls WHERE is_error}), or Sloth's prometheus/v1. They may refer to each other. What cannot be
honoured is an error with file, line and field, and then nothing changes. The last example is for a
database that a server has open.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry slo export > slos.yaml
  driftline --db ./telemetry slo export availability latency --output slos.yaml";

#[derive(Debug, ClapArgs)]
pub(crate) struct SloArgs {
    #[command(subcommand)]
    pub(crate) command: SloCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SloCommand {
    /// Make or replace the SLOs of files, with the alerts of their policies
    #[command(after_help = APPLY_EXAMPLES)]
    Apply {
        /// Files of OpenSLO or Sloth, YAML; `-` is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,

        /// Check everything, print the statements and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Write SLOs as OpenSLO
    #[command(after_help = EXPORT_EXAMPLES)]
    Export {
        /// Names of SLOs; without them, all
        #[arg(value_name = "NAME")]
        names: Vec<String>,

        /// Write to this file instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}
