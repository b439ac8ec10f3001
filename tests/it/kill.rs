//! `kill -9` on the real program, again and again: acknowledged ⊆ visible ⊆ attempted.
//!
//! A child reads statements from its standard input and answers each. The test kills it at seeded moments, most of them
//! while it works, starts the next one on the same directory, and compares. A statement's rows are all there or none, and what is
//! deleted never comes back.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::program;

const SEED: u64 = 1;
const ROUNDS: usize = 20;
/// Sets another number of rounds, for a long run.
const ROUNDS_VARIABLE: &str = "DRIFTLINE_KILL_ROUNDS";
/// How many kills must meet the program with statements unanswered. On a busy machine that takes more rounds.
const AT_WORK_MIN: usize = 6;
/// The most rounds, as a multiple of those that are wanted.
const ROUNDS_MAX: usize = 20;
/// One more than the most statements that a round waits for, and than the most that it does not wait for.
const STATEMENTS_MAX: usize = 13;
/// The most rows of one statement.
const ROWS_MAX: i64 = 4;
/// The most turns that the test waits between its last statement and the kill.
const TURNS_MAX: u32 = 3_000;
/// Ends the answer to a query.
const END: &str = "end of answer";

/// The program on a database, statement by statement.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// A statement that inserts rows, by the first id and their number.
#[derive(Clone, Copy, Debug)]
struct Insert {
    first: i64,
    rows: i64,
    acknowledged: bool,
}

/// A statement that deletes rows which were there before it, by their first id and the one behind the last.
#[derive(Clone, Debug)]
struct Delete {
    ids: Range<i64>,
    acknowledged: bool,
}

/// What a statement was.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Insert(usize),
    Delete(usize),
    /// It changes no row.
    Other,
}

impl Shell {
    fn start(database: &Path) -> Result<Self> {
        let mut child = Command::new(program::path()?)
            .args(["--quiet", "sql", "--create", "--format", "ndjson", "--db"])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the program")?;
        let input = child.stdin.take().context("its standard input")?;
        let output = BufReader::new(child.stdout.take().context("its standard output")?);
        Ok(Self { child, input, output })
    }

    fn send(&mut self, statement: &str) -> Result<()> {
        writeln!(self.input, "{statement};")?;
        Ok(self.input.flush()?)
    }

    /// The next line that the program answers whole; `None` when it is dead.
    fn line(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line)?;
        Ok((read > 0 && line.ends_with('\n')).then_some(line))
    }

    /// Runs a statement whose answer is one line.
    fn run(&mut self, statement: &str) -> Result<String> {
        self.send(statement)?;
        self.line()?.with_context(|| format!("no answer to {statement}"))
    }

    /// Reads all rows: their ids, each once.
    fn rows(&mut self) -> Result<BTreeSet<i64>> {
        self.send("SELECT id, note FROM t ORDER BY id")?;
        self.send(&format!("SELECT '{END}' AS marker"))?;
        let mut ids = BTreeSet::new();
        loop {
            let line = self.line()?.context("the program died while it was reading")?;
            let row: serde_json::Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            if row["marker"] == END {
                return Ok(ids);
            }
            let id = row["id"].as_i64().with_context(|| line.clone())?;
            ensure!(row["note"] == format!("row {id}"), "row {id} holds {line}");
            ensure!(ids.insert(id), "row {id} is there twice");
        }
    }

    /// Kills the program, and returns the answers that it had given.
    fn kill(mut self) -> Result<usize> {
        self.child.kill()?;
        self.child.wait()?;
        let mut answers = 0;
        while self.line()?.is_some() {
            answers += 1;
        }
        Ok(answers)
    }
}

fn insert(first: i64, rows: i64) -> String {
    let row = |id: i64| format!("(to_timestamp_nanos({}), {id}, 'row {id}')", id * 3_600_000_000_000);
    let rows: Vec<String> = (first..first + rows).map(row).collect();
    format!("INSERT INTO t (time, id, note) VALUES {}", rows.join(", "))
}

/// All that the test has done so far.
struct History {
    rng: ChaCha8Rng,
    inserts: Vec<Insert>,
    deletes: Vec<Delete>,
    /// The rows that are there for certain, and that nobody tried to delete.
    there: BTreeSet<i64>,
    /// The next row id.
    next: i64,
    /// How many kills met the program with statements unanswered.
    killed_at_work: usize,
}

impl History {
    /// Compares what is there with what was attempted and acknowledged, and settles it: what is there now must stay, and what is
    /// gone must not come back.
    fn settle(&mut self, visible: &BTreeSet<i64>) -> Result<()> {
        let mut expected = std::mem::take(&mut self.there);
        for insert in std::mem::take(&mut self.inserts) {
            let ids = insert.first..insert.first + insert.rows;
            let there = visible.range(ids.clone()).count() as i64;
            ensure!(there == 0 || there == insert.rows, "{there} rows of {insert:?} are there");
            ensure!(there > 0 || !insert.acknowledged, "{insert:?} was acknowledged and is gone");
            if there > 0 {
                expected.extend(ids);
            }
        }
        for delete in std::mem::take(&mut self.deletes) {
            let there = visible.range(delete.ids.clone()).count();
            let all = (delete.ids.end - delete.ids.start) as usize;
            ensure!(there == 0 || there == all, "{there} rows of {delete:?} are there");
            ensure!(there == 0 || !delete.acknowledged, "{delete:?} was acknowledged and its rows are there");
            if there > 0 {
                expected.extend(delete.ids);
            }
        }
        ensure!(expected == *visible, "there are rows that nobody wrote, or others are gone");
        self.there = expected;
        Ok(())
    }

    /// A run of rows that are there, to be deleted.
    fn victims(&mut self) -> Option<Range<i64>> {
        let at = self.rng.random_range(0..self.there.len().max(1));
        let first = *self.there.iter().nth(at)?;
        let most = self.rng.random_range(1..=2 * ROWS_MAX);
        let end = (first..first + most).find(|id| !self.there.contains(id)).unwrap_or(first + most);
        self.there.retain(|id| !(first..end).contains(id));
        Some(first..end)
    }

    /// A statement to run, and what it is.
    fn statement(&mut self) -> (String, Sent) {
        match self.rng.random_range(0..20) {
            0..3 => return ("FLUSH".to_owned(), Sent::Other),
            3 => return ("COMPACT t".to_owned(), Sent::Other),
            4 => return ("COMPACT t PURGE".to_owned(), Sent::Other),
            5..8 => {
                if let Some(ids) = self.victims() {
                    let text = format!("DELETE FROM t WHERE id >= {} AND id < {}", ids.start, ids.end);
                    self.deletes.push(Delete { ids, acknowledged: false });
                    return (text, Sent::Delete(self.deletes.len() - 1));
                }
            }
            _ => {}
        }
        let rows = self.rng.random_range(1..=ROWS_MAX);
        let text = insert(self.next, rows);
        self.inserts.push(Insert { first: self.next, rows, acknowledged: false });
        self.next += rows;
        (text, Sent::Insert(self.inserts.len() - 1))
    }

    fn acknowledge(&mut self, sent: Sent) {
        match sent {
            Sent::Insert(index) => self.inserts[index].acknowledged = true,
            Sent::Delete(index) => self.deletes[index].acknowledged = true,
            Sent::Other => {}
        }
    }

    /// How many rows a statement is to report.
    fn count(&self, sent: Sent) -> Option<i64> {
        match sent {
            Sent::Insert(index) => Some(self.inserts[index].rows),
            Sent::Delete(index) => Some(self.deletes[index].ids.end - self.deletes[index].ids.start),
            Sent::Other => None,
        }
    }

    /// Runs some statements one by one, sends more without waiting for their answers, and kills the program.
    fn round(&mut self, mut shell: Shell) -> Result<()> {
        for _ in 0..self.rng.random_range(0..STATEMENTS_MAX) {
            let (text, sent) = self.statement();
            let answer = shell.run(&text)?;
            let counted = self.count(sent).map(|rows| format!("{{\"count\":{rows}}}"));
            ensure!(counted.is_none_or(|counted| answer.trim() == counted), "{answer} to {text}");
            self.acknowledge(sent);
        }
        let mut unanswered = Vec::new();
        for _ in 0..self.rng.random_range(0..STATEMENTS_MAX) {
            let (text, sent) = self.statement();
            shell.send(&text)?;
            unanswered.push(sent);
        }
        for _ in 0..self.rng.random_range(0..TURNS_MAX) {
            std::thread::yield_now();
        }
        let answers = shell.kill()?;
        ensure!(answers <= unanswered.len(), "{answers} answers to {} statements", unanswered.len());
        self.killed_at_work += usize::from(answers < unanswered.len());
        unanswered.into_iter().take(answers).for_each(|sent| self.acknowledge(sent));
        Ok(())
    }
}

/// Would break if an answer were given before its rows are on disk, if a statement were torn, if a deletion came back by a log that is
/// replayed or a compaction that was cut off, or if the lock, the log or the manifest of a killed process stopped the next one.
#[test]
fn what_was_answered_survives_kill_9() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let database = directory.path().join("database");
    let rng = ChaCha8Rng::seed_from_u64(SEED);
    let rounds = match std::env::var(ROUNDS_VARIABLE) {
        Ok(rounds) => rounds.parse().with_context(|| format!("{ROUNDS_VARIABLE} is no number"))?,
        Err(_) => ROUNDS,
    };
    let (inserts, deletes, there) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut history = History { rng, inserts, deletes, there, next: 0, killed_at_work: 0 };
    let mut shell = Shell::start(&database)?;
    shell.run("CREATE TABLE t (time TIMESTAMP NOT NULL, id BIGINT NOT NULL, note TEXT)")?;
    shell.kill()?;
    let mut round = 0;
    let enough = |round, at_work| round >= rounds && at_work >= AT_WORK_MIN;
    while !enough(round, history.killed_at_work) {
        ensure!(
            round < rounds * ROUNDS_MAX,
            "only {} of {round} kills met the program at work",
            history.killed_at_work
        );
        let place = || format!("round {round} of seed {SEED}");
        let mut shell = Shell::start(&database)?;
        let visible = shell.rows().with_context(place)?;
        history.settle(&visible).with_context(place)?;
        history.round(shell).with_context(place)?;
        round += 1;
    }
    let mut shell = Shell::start(&database)?;
    let visible = shell.rows()?;
    history.settle(&visible)?;
    drop(shell.input);
    ensure!(shell.child.wait()?.success(), "the last process ends well");
    ensure!(visible.len() > rounds, "only {} rows are there: the rounds do too little", visible.len());
    Ok(())
}
