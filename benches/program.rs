//! The real program, started for a load and ended with it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that runs until it is dropped.
pub(crate) struct Serving {
    process: Child,
    doors: BTreeMap<String, String>,
}

impl Serving {
    /// Where a door is: `flight`, `otlp-grpc`, `otlp-http` or `http`.
    pub(crate) fn address(&self, door: &str) -> String {
        self.doors.get(door).unwrap_or_else(|| panic!("no door {door} among {:?}", self.doors)).clone()
    }

    pub(crate) fn process(&self) -> &Child {
        &self.process
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts the program on a database, with all doors on free ports.
pub(crate) fn serve(program: &str, database: &Path) -> Serving {
    let doors = ["--flight-addr", "--otlp-grpc-addr", "--otlp-http-addr", "--http-addr"];
    let mut process = Command::new(program)
        .arg("--db")
        .arg(database)
        .args(["serve", "--create"])
        .args(doors.iter().flat_map(|door| [*door, "127.0.0.1:0"]))
        .env("DRIFTLINE_LOG", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
    let opened = lines.map_while(Result::ok).filter_map(|line| {
        line.split_once(" listening on ").map(|(door, address)| (door.to_owned(), address.to_owned()))
    });
    let doors = opened.take(doors.len()).collect();
    Serving { process, doors }
}
