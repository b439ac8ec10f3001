//! A table of all functions: seconds for so many rows, and memory a group, as the memory pool sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use criterion::measurement::{Measurement, WallTime};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation, UnboundedMemoryPool};
use tokio::runtime::Runtime;

use super::{CALLS, GROUPS, session_over};

/// Runs of which the fastest counts, after one that warms up; up to so many rows.
const RUNS: usize = 3;
const ROWS_RUN_AGAIN_MAX: usize = 10_000_000;

/// The numbers of rows that the environment asks a table for; `None` where it asks for none.
pub(crate) fn rows_of_table() -> Option<Vec<usize>> {
    let asked = std::env::var("DRIFTLINE_BENCH_TABLE").ok()?;
    Some(
        asked
            .split(',')
            .map(|rows| rows.trim().parse().expect("numbers of rows, divided by commas"))
            .collect(),
    )
}

/// Whether the table is to have this function: `DRIFTLINE_BENCH_ONLY` names some, divided by commas; without it all are measured.
fn asked(name: &str) -> bool {
    std::env::var("DRIFTLINE_BENCH_ONLY").map_or(true, |only| only.split(',').any(|one| one.trim() == name))
}

/// Prints the table as Markdown, row by row as it is measured.
#[expect(clippy::print_stdout, reason = "the table is what this bench is for")]
pub(crate) fn print_table(sizes: &[usize]) {
    let runtime = Runtime::new().expect("a runtime");
    for &rows in sizes {
        let pool = Arc::new(Peak::default());
        let session = session_over(rows, &runtime, Some(Arc::clone(&pool) as Arc<dyn MemoryPool>));
        println!("\n{rows} rows\n");
        println!(
            "| function | one group | rows/s | memory | {GROUPS} groups | rows/s | bytes a group |\n|---|---|---|---|---|---|---|"
        );
        for (name, call) in CALLS.iter().filter(|(name, _)| asked(name)) {
            let mut cells = format!("| `{name}` |");
            for (group_by, groups) in [("", 1), (" GROUP BY g", GROUPS as usize)] {
                let sql = format!("SELECT {call} FROM t{group_by}");
                let run = || {
                    pool.peak.store(0, Ordering::Relaxed);
                    let start = WallTime.start();
                    let answer = runtime.block_on(async { session.sql(&sql).await?.collect().await });
                    answer.map(|_| WallTime.end(start))
                };
                let runs = if rows > ROWS_RUN_AGAIN_MAX { 1 } else { RUNS };
                let measured: Result<Vec<Duration>> = run().and_then(|first| {
                    if runs == 1 { Ok(vec![first]) } else { (0..runs).map(|_| run()).collect() }
                });
                let peak = pool.peak.load(Ordering::Relaxed);
                let memory = match groups {
                    1 => format!("{:.1} MiB", peak as f64 / f64::from(1 << 20)),
                    _ => format!("{:.0}", peak as f64 / groups as f64),
                };
                cells += &match measured {
                    Ok(times) => {
                        let time = times.into_iter().min().unwrap_or_default();
                        format!(" {time:.1?} | {} | {memory} |", rate(rows, time))
                    }
                    Err(error) if error.to_string().contains("drift.exact_max_rows") => {
                        " past `drift.exact_max_rows` | | |".to_owned()
                    }
                    Err(error) if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) => {
                        " past a limit of its own | | |".to_owned()
                    }
                    Err(error) => panic!("{call}: {error}"),
                };
            }
            println!("{cells}");
        }
    }
}

fn rate(rows: usize, time: Duration) -> String {
    let rate = rows as f64 / time.as_secs_f64();
    if rate >= 1e9 { format!("{:.1} G", rate / 1e9) } else { format!("{:.0} M", rate / 1e6) }
}

/// A pool without a limit that remembers its peak.
#[derive(Debug, Default)]
struct Peak {
    pool: UnboundedMemoryPool,
    peak: AtomicUsize,
}

impl std::fmt::Display for Peak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl MemoryPool for Peak {
    fn name(&self) -> &str {
        "peak"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
        self.peak.fetch_max(self.pool.reserved(), Ordering::Relaxed);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.grow(reservation, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Infinite
    }
}
