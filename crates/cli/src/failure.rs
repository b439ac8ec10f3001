//! How a run ends: the one place that maps a kind of error to an exit code and prints it.
//!
//! 0 ok · 1 internal · 2 usage or invalid input · 3 not found · 4 already exists or conflict · 5 unavailable or closed ·
//! 6 resources or time exhausted · 7 corrupted · 8 not permitted · 130 interrupted. A reader that went away (broken pipe) is no error.

use std::fmt;
use std::io;
use std::process::ExitCode;

use arrow::error::ArrowError;
use driftline::ErrorKind;
use parquet::errors::ParquetError;

use crate::terminal::Terminal;

/// Exit code of a run that the user interrupted, as shells expect it.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// An error of the command itself, with the kind that decides the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: ErrorKind,
    message: String,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What the user gave cannot be used.
    pub(crate) fn invalid(message: impl Into<String>) -> anyhow::Error {
        Self::new(ErrorKind::Invalid, message).into()
    }

    /// What the user named is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> anyhow::Error {
        Self::new(ErrorKind::NotFound, message).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The user pressed Ctrl-C.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Errors that were printed when they happened; only the exit code of the first one is left to say.
#[derive(Debug)]
pub(crate) struct AlreadyReported(pub(crate) u8);

impl fmt::Display for AlreadyReported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("errors were reported above")
    }
}

impl std::error::Error for AlreadyReported {}

/// Prints the error that ended the run and turns it into the exit code.
pub(crate) fn report(terminal: &Terminal, error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    if !error.is::<AlreadyReported>() {
        print(terminal, error);
    }
    ExitCode::from(exit_code(error))
}

/// Prints an error without ending the run.
pub(crate) fn print(terminal: &Terminal, error: &anyhow::Error) {
    let mut messages: Vec<String> = Vec::new();
    for cause in error.chain() {
        let message = cause.to_string();
        // many errors repeat their source in their own message
        if !messages.iter().any(|said| said.contains(&message)) {
            messages.push(message);
        }
        // the database's own errors say all there is; below them speak the libraries
        if cause.is::<driftline::Error>() {
            break;
        }
    }
    let message = messages.join(": ");
    terminal.error(&message);
}

/// The exit code that stands for an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(AlreadyReported(code)) = cause.downcast_ref() {
            return *code;
        }
        if cause.is::<Interrupted>() {
            return EXIT_INTERRUPTED;
        }
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return code_of_kind(failure.kind);
        }
        if let Some(error) = cause.downcast_ref::<driftline::Error>() {
            return code_of_kind(error.kind());
        }
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return code_of_io(error.kind());
        }
    }
    // a file that cannot be decoded; where reading itself failed, the cause above was found first
    let undecodable = error.chain().any(|cause| cause.is::<ArrowError>() || cause.is::<ParquetError>());
    code_of_kind(if undecodable { ErrorKind::Invalid } else { ErrorKind::Internal })
}

/// Whether the reader of our output went away.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn code_of_kind(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Internal => 1,
        ErrorKind::Invalid => 2,
        ErrorKind::NotFound => 3,
        ErrorKind::AlreadyExists | ErrorKind::Conflict => 4,
        ErrorKind::Unavailable | ErrorKind::Closed => 5,
        ErrorKind::ResourceExhausted | ErrorKind::DeadlineExceeded => 6,
        ErrorKind::Corrupted => 7,
        ErrorKind::PermissionDenied => 8,
        ErrorKind::Cancelled => EXIT_INTERRUPTED,
    }
}

fn code_of_io(kind: io::ErrorKind) -> u8 {
    match kind {
        io::ErrorKind::NotFound => code_of_kind(ErrorKind::NotFound),
        io::ErrorKind::AlreadyExists => code_of_kind(ErrorKind::AlreadyExists),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            code_of_kind(ErrorKind::Invalid)
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::OutOfMemory => {
            code_of_kind(ErrorKind::ResourceExhausted)
        }
        _ => code_of_kind(ErrorKind::Unavailable),
    }
}
