//! The interactive shell: statements over several lines, history, completion. Ctrl-C stops the running query, Ctrl-D ends.

mod complete;
mod words;

use std::path::PathBuf;

use anyhow::{Context, Result};
use driftline::StatementSplitter;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use crate::args::Format;
use crate::commands::interruptible;
use crate::failure;
use crate::output::Output;
use crate::target::Target;
use crate::terminal::Terminal;
use complete::ShellHelper;
use words::Words;

/// Statements that the history keeps.
const HISTORY_ENTRIES_MAX: usize = 10_000;

const PROMPT: &str = "driftline> ";
const PROMPT_MORE: &str = "      ...> ";

const HELP: &str = "\
Statements end with a semicolon and may span lines. Tab completes keywords, tables, columns and functions.
  .tables            tables and views
  .columns NAME      columns of a table or view
  .functions         functions
  .format FORMAT     table, csv, json or ndjson
  .help              this
  .quit              end (also Ctrl-D)
Try:  SELECT * FROM llm_calls LIMIT 5;";

/// Reads and answers statements until the user has enough.
pub(crate) async fn run(target: &Target, output: Output, terminal: &Terminal) -> Result<()> {
    let config = Config::builder()
        .max_history_size(HISTORY_ENTRIES_MAX)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor: Editor<ShellHelper, FileHistory> =
        Editor::with_config(config).context("cannot use the terminal")?;
    let history = history_file();
    if let Some(file) = &history {
        // the first run has no history
        let _ = editor.load_history(file);
    }
    terminal.note(&format!("driftline {} · .help for help, Ctrl-D to end", env!("CARGO_PKG_VERSION")));
    let mut shell = Shell { target, output, terminal };
    let ended = shell.read_and_answer(&mut editor).await;
    if let Some(file) = &history
        && let Err(error) = editor.append_history(file)
    {
        terminal.warn(&format!("the history could not be written to '{}': {error}", file.display()));
    }
    ended
}

struct Shell<'a> {
    target: &'a Target,
    output: Output,
    terminal: &'a Terminal,
}

impl Shell<'_> {
    async fn read_and_answer(&mut self, editor: &mut Editor<ShellHelper, FileHistory>) -> Result<()> {
        let mut splitter = StatementSplitter::default();
        editor.set_helper(Some(self.helper().await));
        loop {
            let prompt = if splitter.is_empty() { PROMPT } else { PROMPT_MORE };
            // reading blocks this thread only: the database's own tasks run on others
            let line = match tokio::task::block_in_place(|| editor.readline(prompt)) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => {
                    splitter = StatementSplitter::default();
                    continue;
                }
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(error).context("cannot read from the terminal"),
            };
            if splitter.is_empty() && is_command(&line) {
                editor.add_history_entry(line.trim())?;
                if self.command(line.trim()).await.is_break() {
                    return Ok(());
                }
                continue;
            }
            for statement in splitter.push(&format!("{line}\n")) {
                editor.add_history_entry(format!("{statement};"))?;
                let answered = self.answer(&statement).await;
                if answered && changes_names(&statement) {
                    editor.set_helper(Some(self.helper().await));
                }
            }
        }
    }

    async fn helper(&self) -> ShellHelper {
        ShellHelper::new(Words::read(self.target).await, self.terminal.colour())
    }

    async fn command(&mut self, line: &str) -> std::ops::ControlFlow<()> {
        let line = line.trim_end_matches(';');
        let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let statement = match (command, argument.trim()) {
            (".quit" | ".exit" | ".q" | "quit" | "exit" | "\\q", _) => {
                return std::ops::ControlFlow::Break(());
            }
            (".tables" | "\\d" | "\\dt", "") => Some("SHOW TABLES".to_owned()),
            (".functions", _) => Some("SHOW FUNCTIONS".to_owned()),
            (".columns" | ".schema" | "\\d", name) if !name.is_empty() => Some(format!("DESCRIBE {name}")),
            _ => None,
        };
        match statement {
            Some(statement) => {
                self.answer(&statement).await;
            }
            None => self.set(command, argument.trim()),
        }
        std::ops::ControlFlow::Continue(())
    }

    /// The commands that ask the database nothing.
    fn set(&mut self, command: &str, argument: &str) {
        match (command, argument) {
            (".help" | ".h" | "help" | "\\?", _) => self.terminal.note(HELP),
            (".columns" | ".schema", _) => self.terminal.error("name a table: .columns spans"),
            (".format", "table") => self.output.set_format(Format::Table),
            (".format", "csv") => self.output.set_format(Format::Csv),
            (".format", "json") => self.output.set_format(Format::Json),
            (".format", "ndjson") => self.output.set_format(Format::Ndjson),
            (".format", other) => {
                self.terminal.error(&format!("format must be table, csv, json or ndjson, got '{other}'"))
            }
            (other, _) => self.terminal.error(&format!("unknown command '{other}' (.help lists them)")),
        }
    }

    /// Answers one statement; whatever goes wrong is said and the shell goes on. Returns whether all went well.
    async fn answer(&mut self, statement: &str) -> bool {
        let (target, output) = (self.target, &mut self.output);
        let answered = interruptible(async {
            let result = target.sql(statement).await?;
            output.write(result).await
        });
        match answered.await {
            Ok(rows) => self.terminal.note(&format!("({rows} {})", if rows == 1 { "row" } else { "rows" })),
            Err(error) => {
                failure::print(self.terminal, &error);
                return false;
            }
        }
        true
    }
}

/// Whether a line is for the shell: our commands, and what hands type that know other shells.
fn is_command(line: &str) -> bool {
    let line = line.trim().trim_end_matches(';');
    line.starts_with(['.', '\\'])
        || ["quit", "exit", "help"].iter().any(|word| line.eq_ignore_ascii_case(word))
}

/// Whether a statement can change what completion offers.
fn changes_names(statement: &str) -> bool {
    let verb = statement.split_whitespace().find(|word| !word.starts_with("--")).unwrap_or_default();
    ["CREATE", "DROP", "ALTER"].iter().any(|changing| verb.eq_ignore_ascii_case(changing))
}

/// Where the history lies between sessions, its directory made.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))?;
    let directory = state.join("driftline");
    std::fs::create_dir_all(&directory).ok()?;
    Some(directory.join("history"))
}
