//! The program under test, built when it is missing or old.
//!
//! `cargo test` builds the programs of a package only for integration tests inside that package; ours live in a package of
//! their own. So the test asks cargo for the program, in the profile and target directory that it runs from itself. Cargo
//! has given its lock back by the time tests run, and everything but the last link is already built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

/// The path of the `driftline` executable.
pub(crate) fn path() -> Result<&'static Path> {
    static PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = PATH.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.as_deref().map_err(|error| anyhow!("{error}"))
}

fn build() -> Result<PathBuf> {
    // <target>[/<triple>]/<profile>/deps/it-<hash>
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("the test lies in <target>/<profile>/deps")?;
    let profile = folder.file_name().context("the profile has a folder")?.to_string_lossy();
    let profile = if profile == "debug" { "dev" } else { &profile };
    let program = folder.join(format!("driftline{}", std::env::consts::EXE_SUFFIX));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie in the workspace")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--workspace", "--bin", "driftline", "--offline", "--quiet"]);
    command.args(["--profile", profile, "--target-dir"]);
    match target_directory(folder) {
        (directory, Some(triple)) => command.arg(directory).args(["--target", &triple]),
        (directory, None) => command.arg(directory),
    };
    let output = command.output().context("run cargo")?;
    ensure!(output.status.success(), "cargo build: {}", String::from_utf8_lossy(&output.stderr));
    ensure!(program.is_file(), "cargo built no {}", program.display());
    Ok(program)
}

/// The target directory, and the triple when the build names one.
fn target_directory(profile: &Path) -> (&Path, Option<String>) {
    let above = profile.parent().unwrap_or(profile);
    // cargo marks its target directories
    match above.parent() {
        Some(target) if !above.join("CACHEDIR.TAG").is_file() && target.join("CACHEDIR.TAG").is_file() => {
            (target, above.file_name().map(|triple| triple.to_string_lossy().into_owned()))
        }
        _ => (above, None),
    }
}
