//! What we know about the terminal, and everything that goes to standard error: notes, errors, progress.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};

/// Width of a page when standard output is no terminal, in columns.
const PAGE_COLUMNS: usize = 100;

/// How often a progress bar is drawn while nothing moves.
const PROGRESS_TICK: Duration = Duration::from_millis(200);

/// The streams of this run and what may be written to them.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    quiet: bool,
    colour_out: bool,
    colour_err: bool,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
}

impl Terminal {
    pub(crate) fn new(quiet: bool) -> Self {
        let stdout_is_terminal = io::stdout().is_terminal();
        let stderr_is_terminal = io::stderr().is_terminal();
        let colour_wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            quiet,
            colour_out: stdout_is_terminal && colour_wanted,
            colour_err: stderr_is_terminal && colour_wanted,
            stdout_is_terminal,
            stderr_is_terminal,
        }
    }

    pub(crate) fn stdout_is_terminal(&self) -> bool {
        self.stdout_is_terminal
    }

    /// Width to fit tables into; `None` when standard output is no terminal and nothing may be cut.
    pub(crate) fn table_columns(&self) -> Option<usize> {
        self.stdout_is_terminal.then(|| Table::new().width().map_or(PAGE_COLUMNS, usize::from))
    }

    /// Width of a page of text: never wider than what reads well.
    pub(crate) fn page_columns(&self) -> usize {
        self.table_columns().unwrap_or(PAGE_COLUMNS).clamp(60, PAGE_COLUMNS)
    }

    /// A line about what is going on; left out with `--quiet`.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            stderr_line(message);
        }
    }

    /// Something was left out or looks wrong, but the run goes on; said even with `--quiet`.
    pub(crate) fn warn(&self, message: &str) {
        stderr_line(&format!("{} {message}", paint(self.colour_err, "33", "warning:")));
    }

    pub(crate) fn error(&self, message: &str) {
        stderr_line(&format!("{} {message}", paint(self.colour_err, "31", "error:")));
    }

    /// A progress bar on standard error, or a hidden one where nobody watches.
    pub(crate) fn progress(&self, total: u64, template: &str) -> ProgressBar {
        if self.quiet || !self.stderr_is_terminal {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━━─");
        let bar = ProgressBar::new(total).with_style(style);
        bar.enable_steady_tick(PROGRESS_TICK);
        bar
    }

    pub(crate) fn red(&self, text: &str) -> String {
        paint(self.colour_out, "31;1", text)
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        paint(self.colour_out, "1", text)
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        paint(self.colour_out, "2", text)
    }

    /// Whether standard error takes colour.
    pub(crate) fn colour_err(&self) -> bool {
        self.colour_err
    }

    /// Whether standard output takes colour.
    pub(crate) fn colour(&self) -> bool {
        self.colour_out
    }
}

fn paint(colour: bool, code: &str, text: &str) -> String {
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Writes a line to standard error; when even that is gone there is nobody left to tell.
fn stderr_line(message: &str) {
    let _ = writeln!(io::stderr().lock(), "{message}");
}

/// A number with its noun: `1 row`, `2 rows`.
pub(crate) fn counted(count: u64, singular: &str, plural: &str) -> String {
    format!("{count} {}", if count == 1 { singular } else { plural })
}
