//! The program as a server: a process of its own, behind doors that the system chooses.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::program;

const DOORS: [&str; 4] = ["--flight-addr", "--http-addr", "--otlp-grpc-addr", "--otlp-http-addr"];

/// A server that runs until it is killed or dropped.
pub(crate) struct Served {
    child: Child,
    /// Where Flight SQL is.
    pub(crate) flight: String,
    /// Where OTLP over gRPC is taken.
    pub(crate) otlp: String,
}

impl Served {
    /// Serves a database, which is made where there is none.
    pub(crate) fn start(database: &Path) -> Result<Self> {
        Self::start_with(database, &[])
    }

    /// Serves a database with further options.
    pub(crate) fn start_with(database: &Path, options: &[&OsStr]) -> Result<Self> {
        let mut child = Command::new(program::path()?)
            .arg("--db")
            .arg(database)
            .args(["serve", "--create"])
            .args(options)
            .args(DOORS.iter().flat_map(|door| [*door, "127.0.0.1:0"]))
            .env("DRIFTLINE_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .context("start the program")?;
        let mut lines = BufReader::new(child.stdout.take().context("its standard output")?).lines();
        let mut address = |door: &str| -> Result<String> {
            let prefix = format!("{door} listening on ");
            let line = lines.find_map(|line| line.ok()?.strip_prefix(&prefix).map(str::to_owned));
            line.with_context(|| format!("it does not open the door {door}"))
        };
        let flight = format!("grpc://{}", address("flight")?);
        let otlp = format!("http://{}", address("otlp-grpc")?);
        Ok(Self { child, flight, otlp })
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // it may have been killed before
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
