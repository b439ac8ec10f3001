//! `driftline sql`: statements from -c, from a file, from standard input as they arrive, or from the interactive shell.

use std::io::{IsTerminal, Read};

use anyhow::{Context, Result};
use driftline::{StatementSplitter, split_statements};
use driftline_server::{Client, Credentials};

use super::{interruptible, open_existing, open_or_create, open_to_read, with_database};
use crate::args::{OnError, SqlArgs};
use crate::failure::{self, AlreadyReported};
use crate::output::Output;
use crate::place::Place;
use crate::shell;
use crate::target::Target;
use crate::terminal::Terminal;

/// Bytes taken from standard input at once.
const INPUT_CHUNK_BYTES: usize = 64 << 10;

/// What some editors write in front of UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

pub(crate) async fn run(place: &Place, args: &SqlArgs, terminal: &Terminal) -> Result<()> {
    let script = script(args)?;
    let output = Output::new(args.format, args.output.as_deref(), terminal)?;
    let database = match args {
        SqlArgs { create: true, .. } => open_or_create(place, terminal).await?,
        SqlArgs { read_only: true, .. } => open_to_read(place).await?,
        _ => open_existing(place, terminal).await?,
    };
    if script.is_none() && std::io::stdin().is_terminal() {
        // in the shell, Ctrl-C stops the running query and not the program
        let ended = shell::run(&Target::Database(database.clone()), output, terminal).await;
        database.close().await?;
        return ended;
    }
    with_database(database, async |database| {
        let target = Target::Database(database.clone());
        run_script(&target, script, args, output, terminal).await
    })
    .await
}

/// The same at a server.
pub(crate) async fn run_remote(url: &str, args: &SqlArgs, terminal: &Terminal) -> Result<()> {
    let script = script(args)?;
    let output = Output::new(args.format, args.output.as_deref(), terminal)?;
    let credentials = match (&args.user, &args.token) {
        (Some(user), _) => Credentials::Password { user: user.clone(), password: password(user)? },
        (None, Some(token)) => Credentials::Token(token.clone()),
        (None, None) => Credentials::Nothing,
    };
    let connect = async { Ok(Client::connect(url, credentials, args.ca.as_deref()).await?) };
    let target = Target::Server(Box::new(interruptible(connect).await?));
    if script.is_none() && std::io::stdin().is_terminal() {
        return shell::run(&target, output, terminal).await;
    }
    interruptible(run_script(&target, script, args, output, terminal)).await
}

/// The statements of -c or -f; `None` where they come from standard input.
fn script(args: &SqlArgs) -> Result<Option<String>> {
    match &args.file {
        Some(file) => {
            let script = std::fs::read_to_string(file);
            let script = script.with_context(|| format!("cannot read '{}'", file.display()))?;
            Ok(Some(script.trim_start_matches(BYTE_ORDER_MARK).to_owned()))
        }
        None if args.commands.is_empty() => Ok(None),
        None => Ok(Some(args.commands.join(";\n"))),
    }
}

fn password(user: &str) -> Result<String> {
    match std::env::var("DRIFTLINE_PASSWORD") {
        Ok(password) => Ok(password),
        Err(_) => {
            rpassword::prompt_password(format!("password of {user}: ")).context("cannot read a password")
        }
    }
}

async fn run_script(
    target: &Target,
    script: Option<String>,
    args: &SqlArgs,
    output: Output,
    terminal: &Terminal,
) -> Result<()> {
    let mut session = Session::new(target, output, terminal, args.on_error, script.is_none());
    match script {
        Some(script) => session.run_all(split_statements(&script)).await?,
        None => session.run_standard_input().await?,
    }
    session.finish()
}

/// Statements run one after the other into one output.
struct Session<'a> {
    target: &'a Target,
    output: Output,
    terminal: &'a Terminal,
    continues: bool,
    first_failure: Option<u8>,
}

impl<'a> Session<'a> {
    fn new(
        target: &'a Target,
        output: Output,
        terminal: &'a Terminal,
        on_error: Option<OnError>,
        from_standard_input: bool,
    ) -> Self {
        let continues = on_error.map_or(from_standard_input, |on_error| on_error == OnError::Continue);
        Self { target, output, terminal, continues, first_failure: None }
    }

    /// Answers each statement before it reads the next one.
    async fn run_standard_input(&mut self) -> Result<()> {
        let mut splitter = StatementSplitter::default();
        let mut pending = Vec::new();
        let mut is_start = true;
        loop {
            let chunk = tokio::task::spawn_blocking(read_chunk).await??;
            if chunk.is_empty() {
                break;
            }
            pending.extend_from_slice(&chunk);
            let text = take_text(&mut pending)?;
            let statements = match std::mem::take(&mut is_start) {
                true => splitter.push(text.trim_start_matches(BYTE_ORDER_MARK)),
                false => splitter.push(&text),
            };
            self.run_all(statements).await?;
        }
        anyhow::ensure!(
            pending.is_empty(),
            failure::Failure::invalid("standard input ends within a character")
        );
        self.run_all(splitter.finish()).await
    }

    async fn run_all(&mut self, statements: impl IntoIterator<Item = String>) -> Result<()> {
        for statement in statements {
            let done = self.run_one(&statement).await;
            match done {
                Err(error) if self.continues && !failure::is_broken_pipe(&error) => {
                    failure::print(self.terminal, &error);
                    self.first_failure.get_or_insert(failure::exit_code(&error));
                }
                done => done?,
            }
        }
        Ok(())
    }

    async fn run_one(&mut self, statement: &str) -> Result<()> {
        let result = self.target.sql(statement).await?;
        self.output.write(result).await?;
        Ok(())
    }

    fn finish(self) -> Result<()> {
        self.first_failure.map_or(Ok(()), |code| Err(AlreadyReported(code).into()))
    }
}

/// What can be read from standard input now; nothing at its end.
fn read_chunk() -> Result<Vec<u8>> {
    let mut chunk = vec![0; INPUT_CHUNK_BYTES];
    let read = std::io::stdin().read(&mut chunk).context("cannot read standard input")?;
    chunk.truncate(read);
    Ok(chunk)
}

/// Takes what is complete UTF-8 from the front; a character that is cut at the end waits for its rest.
fn take_text(pending: &mut Vec<u8>) -> Result<String> {
    let complete = match std::str::from_utf8(pending) {
        Ok(_) => pending.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(error) => {
            return Err(failure::Failure::invalid(format!(
                "standard input is no UTF-8 text: byte {:#04x} after {} bytes of the current statement",
                pending[error.valid_up_to()],
                error.valid_up_to()
            )));
        }
    };
    let text: Vec<u8> = pending.drain(..complete).collect();
    Ok(String::from_utf8(text)?)
}
