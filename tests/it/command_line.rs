//! The real program, as a user types it: exit codes, what goes to which stream, and what is said about bad input.

mod copies;
mod damage;
mod input;
mod output;
mod server;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::program;

/// A database in a directory of its own, with files beside it.
struct Workplace {
    folder: TempDir,
}

/// How a run ended.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Workplace {
    /// A database with one table `t` of three rows, flushed.
    fn new() -> Result<Self> {
        let place = Self { folder: tempfile::tempdir()? };
        place
            .run([
                "sql",
                "--create",
                "-c",
                "CREATE TABLE t (time TIMESTAMP NOT NULL, id BIGINT, model TEXT)",
            ])?
            .succeeds()?;
        let rows = "INSERT INTO t VALUES ('2026-08-01T00:00:00Z', 1, 'a'), ('2026-08-01T01:00:00Z', 2, 'b'), \
                    ('2026-08-02T00:00:00Z', 3, NULL); FLUSH";
        place.run(["sql", "-c", rows])?.succeeds()?;
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("db")
    }

    /// Writes a file beside the database.
    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    }

    fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Command> {
        let mut command = Command::new(program::path()?);
        command.arg("--db").arg(self.database()).args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Run> {
        Run::of(&mut self.command(arguments)?)
    }

    /// Runs with this on the standard input.
    fn feed<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>, input: &str) -> Result<Run> {
        let mut child = self.command(arguments)?.stdin(Stdio::piped()).spawn()?;
        child.stdin.take().context("its standard input")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        Run::from_output(output)
    }

    /// The answer to a query, as CSV.
    fn query(&self, sql: &str) -> Result<String> {
        let run = self.run(["sql", "--format", "csv", "-c", sql])?;
        run.succeeds()?;
        Ok(run.stdout)
    }

    /// The first file below a directory of the database whose name has this ending.
    fn first_file(&self, directory: &str, ending: &str) -> Result<PathBuf> {
        fn search(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) -> Result<()> {
            for entry in std::fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    search(&path, ending, found)?;
                } else if path.to_string_lossy().ends_with(ending) {
                    found.push(path);
                }
            }
            Ok(())
        }
        let mut found = Vec::new();
        search(&self.database().join(directory), ending, &mut found)?;
        found.sort();
        found.into_iter().next().with_context(|| format!("no {ending} in {directory}"))
    }
}

impl Run {
    fn of(command: &mut Command) -> Result<Self> {
        Self::from_output(command.output()?)
    }

    fn from_output(output: std::process::Output) -> Result<Self> {
        Ok(Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    fn succeeds(&self) -> Result<()> {
        self.ends_with(0, &[])
    }

    /// Checks the exit code, and that all of this is said on the standard error.
    fn ends_with(&self, code: i32, said: &[&str]) -> Result<()> {
        ensure!(self.code == Some(code), "exit code {code} expected: {self:?}");
        // long lines are wrapped for the terminal's width
        let stderr = self.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in said {
            ensure!(stderr.contains(text), "'{text}' is not said: {self:?}");
        }
        Ok(())
    }
}
