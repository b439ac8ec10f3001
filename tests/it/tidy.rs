//! The shape of the repository, held by a test: who may depend on whom, file sizes, one documented .slt file a function.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The edges of the architecture, and no others: crate -> the crates of ours it may name.
const EDGES: &[(&str, &[&str])] = &[
    ("driftline-storage", &[]),
    ("driftline-functions", &[]),
    ("driftline-otel", &[]),
    ("driftline", &["driftline-storage", "driftline-functions", "driftline-otel"]),
    ("driftline-server", &["driftline"]),
    ("driftline-cli", &["driftline", "driftline-server"]),
];

/// These build without the query engine, so that a tool can read and write tables without it.
const WITHOUT_DATAFUSION: &[&str] = &["driftline-storage", "driftline-otel"];

/// A file longer than this hides a seam.
const FILE_LINES_MAX: usize = 700;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_path_buf()
}

/// The names under `[dependencies]` of a manifest.
fn dependencies(manifest: &Path) -> Result<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(manifest).with_context(|| manifest.display().to_string())?;
    let mut section = "";
    let mut name = String::new();
    let mut names = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[package]" && line.starts_with("name") {
            name = line.split('"').nth(1).context("a package has a name")?.to_owned();
        } else if section == "[dependencies]" {
            let end = line.find(['.', ' ', '=']).context("a dependency has a value")?;
            names.insert(line[..end].to_owned());
        }
    }
    Ok((name, names))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Goes red when a crate names another one outside the architecture, or when a light crate pulls in the query engine.
#[test]
fn crates_depend_only_along_the_edges() -> Result<()> {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("crates"))? {
        let (name, names) = dependencies(&entry?.path().join("Cargo.toml"))?;
        let edges = allowed
            .get(name.as_str())
            .with_context(|| format!("crate {name} has no place in the architecture"))?;
        for other in names.iter().filter(|other| other.starts_with("driftline")) {
            ensure!(edges.contains(&other.as_str()), "{name} must not depend on {other}");
        }
        let engine = names.iter().find(|other| other.starts_with("datafusion"));
        ensure!(
            engine.is_none() || !WITHOUT_DATAFUSION.contains(&name.as_str()),
            "{name} must build without {engine:?}"
        );
        seen.insert(name);
    }
    ensure!(seen.len() == EDGES.len(), "crates listed but gone: {seen:?}");
    Ok(())
}

/// Goes red when a file grows past the length at which a reader loses the thread, or a folder hides behind `mod.rs`.
#[test]
fn files_stay_readable() -> Result<()> {
    let mut files = Vec::new();
    for folder in ["crates", "tests", "benches"] {
        rust_files(&root().join(folder), &mut files)?;
    }
    for file in files {
        ensure!(!file.ends_with("mod.rs"), "{}: name it after its folder", file.display());
        let lines = std::fs::read_to_string(&file)?.lines().count();
        ensure!(lines <= FILE_LINES_MAX, "{} has {lines} lines: look for the seam", file.display());
    }
    Ok(())
}

/// Goes red when a SQL function comes without an entry on the generated page or without an .slt file that calls it.
#[test]
fn every_function_is_documented_and_tested_in_sql() -> Result<()> {
    let page = std::fs::read_to_string(root().join("docs/functions.md"))?;
    let mut statements = String::new();
    for entry in std::fs::read_dir(root().join("tests/slt/functions"))? {
        statements += &std::fs::read_to_string(entry?.path())?;
    }
    let aggregates = driftline_functions::aggregates();
    let scalars = driftline_functions::scalars();
    let windows = driftline_functions::windows();
    let names = aggregates.iter().map(|f| f.name()).chain(scalars.iter().map(|f| f.name()));
    for name in names.chain(windows.iter().map(|f| f.name())) {
        ensure!(
            page.lines().any(|line| line.starts_with('#') && line.contains(name)),
            "docs/functions.md lacks {name}"
        );
        ensure!(statements.contains(&format!("{name}(")), "no .slt file in tests/slt/functions calls {name}");
    }
    Ok(())
}
