//! The storage engine in a world that follows from a number: writers, readers, compaction, retention, deletions and a second writer meet
//! in every order, on a store and a log that are slow, fail, lose answers and die.
//!
//! A ledger knows what was asked for and what was promised. Whatever comes between: acknowledged ⊆ visible ⊆ attempted; a deletion is
//! done or not, and once it is acknowledged it stays; a snapshot never changes; objects are written once; retention removes whole expired
//! days; what is purged is in no object and no log file; a writer of an older epoch commits nothing more.
//!
//! All of it happens on one thread but for the log's, which waits its turn as everybody does, so a seed runs the same again on a machine that
//! is not too busy: `DRIFTLINE_SIMULATION_SEED=7` runs seed 7 and tells what happens. `DRIFTLINE_SIMULATION=10000` runs so many seeds, from
//! `DRIFTLINE_SIMULATION_FIRST` on; each of them takes about a second.

mod act;
mod keep;
mod ledger;
mod process;
mod rows;
mod schedule;
mod store;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use schedule::Schedule;
use world::World;

const DAY: Duration = Duration::from_secs(86_400);
const DAY_NS: i64 = 86_400_000_000_000;
/// Seeds of a run that nobody asked more of.
const SEEDS: u64 = 60;

/// Runs a seed and says what must never have been; also a digest of all that happened.
fn run(seed: u64, is_traced: bool) -> (Vec<String>, u64) {
    let schedule = Schedule::new(seed, is_traced);
    let idle = schedule.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        // what other threads wake comes when no task can go on: the order is that of the gates
        .global_queue_interval(u32::MAX)
        .on_thread_park(move || idle.idle())
        .build()
        .unwrap();
    let world = schedule.clone();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let ended = tokio::spawn(World::run(world, seed)).await;
            ended.unwrap_or_else(|error| panic!("{error}"));
        });
    }));
    let mut violations = schedule.violations();
    if let Err(panic) = ended {
        let text = panic.downcast_ref::<String>().cloned();
        violations
            .push(text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned())).unwrap_or_default());
        // tasks may hang where they are: nothing of this seed is waited for
        std::mem::forget(runtime);
    }
    (violations, schedule.digest())
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Would break if any order of events broke one of the promises above.
#[test]
fn the_invariants_hold_for_every_seed() {
    if let Some(seed) = setting("DRIFTLINE_SIMULATION_SEED") {
        let (violations, digest) = run(seed, true);
        eprintln!("digest {digest:016x}");
        assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
        return;
    }
    let first = setting("DRIFTLINE_SIMULATION_FIRST").unwrap_or(0);
    let seeds = setting("DRIFTLINE_SIMULATION").unwrap_or(SEEDS);
    let mut failed = Vec::new();
    for seed in first..first + seeds {
        let (violations, _) = run(seed, false);
        if !violations.is_empty() {
            eprintln!("seed {seed} (DRIFTLINE_SIMULATION_SEED={seed} runs it again): {violations:#?}");
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "of {seeds} seeds these failed: {failed:?}");
}
