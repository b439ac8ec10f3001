//! The `driftline` command. Only this crate prints: data on standard output, everything else on standard error.
//!
//! One verb a file in `commands/`; `output/` writes results, `shell/` is the interactive prompt, `import/` reads foreign files and
//! `demo/` makes the history of a customer-service bot and judges it in SQL.

mod allocator;
mod args;
mod commands;
mod demo;
mod failure;
mod import;
mod output;
mod place;
mod shell;
mod target;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command, LogFormat};
use crate::terminal::Terminal;

fn main() -> ExitCode {
    let args = Args::parse();
    if matches!(args.command, Command::Serve(_)) {
        allocator::share_pools();
    }
    let terminal = Terminal::new(args.quiet);
    start_log(&args, &terminal);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&terminal, &error.into()),
    };
    let ended = runtime.block_on(commands::run(args, &terminal));
    // a thread that still waits for standard input must not keep an interrupted program alive
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&terminal, &error),
    }
}

/// Starts the log on standard error: of a server what happens, of other verbs errors.
fn start_log(args: &Args, terminal: &Terminal) {
    let (level, format) = match &args.command {
        Command::Serve(serve) if !args.quiet => ("info", serve.log_format),
        Command::Serve(serve) => ("error", serve.log_format),
        _ => ("error", LogFormat::Text),
    };
    let filter = EnvFilter::try_from_env("DRIFTLINE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(terminal.colour_err()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
