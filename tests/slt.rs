//! Runs every file under `tests/slt/` three ways: in memory only, flushed after every statement, closed and reopened after every
//! statement. The answers must be the same.
//!
//! `cargo test --test slt -- alter errors` runs the files whose path contains one of the words; `--complete` writes the answers into
//! the files instead (from memory), to be read before they are committed.

#![expect(clippy::print_stdout, reason = "a test harness of its own reports on standard output")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use driftline_tests::{Mode, Session};
use sqllogictest::{Runner, default_normalizer, default_validator, strict_column_validator};

const MODES: [Mode; 3] = [Mode::Memory, Mode::Flushed, Mode::Reopened];

/// Files run at the same time.
const THREADS: usize = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let complete = arguments.iter().any(|argument| argument == "--complete");
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt");
    let mut files = vec![];
    collect(&root, &mut files);
    files.sort();
    files.retain(|file| {
        words.is_empty() || words.iter().any(|word| file.to_string_lossy().contains(word.as_str()))
    });

    let runs: Vec<(&PathBuf, Mode)> = match complete {
        true => files.iter().map(|file| (file, Mode::Memory)).collect(),
        false => files.iter().flat_map(|file| MODES.map(|mode| (file, mode))).collect(),
    };
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let output = Mutex::new(());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((file, mode)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = run(file, *mode, complete);
                    let shown = file.strip_prefix(&root).unwrap_or(file).display();
                    let _one_at_a_time = output.lock();
                    match outcome {
                        Ok(()) => println!("ok      {shown} [{mode}]"),
                        Err(message) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            println!("FAILED  {shown} [{mode}]\n{message}\n");
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!("{} passed, {failed} failed", runs.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}

fn run(file: &Path, mode: Mode, complete: bool) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut runner = Runner::new(|| Session::open(mode));
        runner.with_column_validator(strict_column_validator);
        runner.add_label(&mode.to_string());
        let outcome = match complete {
            true => runner
                .update_test_file(file, " ", default_validator, default_normalizer, strict_column_validator)
                .await
                .map_err(|error| error.to_string()),
            false => runner.run_file_async(file).await.map_err(|error| error.display(false).to_string()),
        };
        runner.shutdown_async().await;
        outcome
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => collect(&path, files),
            false if path.extension().is_some_and(|extension| extension == "slt") => files.push(path),
            false => {}
        }
    }
}
