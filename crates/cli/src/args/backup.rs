//! The command lines of `driftline backup` and `driftline restore`.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args as ClapArgs;

use super::parse_time;

const BACKUP_EXAMPLES: &str = "\
Examples:
  driftline --db ./telemetry backup /mnt/backup/telemetry           the first time all, then what is new
  driftline --db ./telemetry backup /mnt/backup/telemetry --prune   only the newest backup stays
  driftline --db /mnt/backup/telemetry check --deep
  driftline --db /mnt/backup/telemetry sql --read-only -c 'SELECT count(*) FROM spans'
  driftline --db /mnt/backup/telemetry sql --as-of 2026-08-01T03:00:00Z -c 'SHOW TABLES'

The backup has all rows that were acknowledged before it began, also when another process writes the
database meanwhile; nothing in the database is changed. It is a directory that can be read where it
lies. Every run adds a version to it: --as-of opens earlier ones, --prune removes them. A run that is
cut off leaves the version before as it was, and the next one goes on.";

const RESTORE_EXAMPLES: &str = "\
Examples:
  driftline restore /mnt/backup/telemetry ./telemetry
  driftline restore /mnt/backup/telemetry ./july --as-of 2026-08-01
  driftline --db ./telemetry serve

Every file is checked on the way and read back. The backup stays as it is, and the next backup of the
restored database may go to the same place.";

#[derive(Debug, ClapArgs)]
#[command(after_help = BACKUP_EXAMPLES)]
pub(crate) struct BackupArgs {
    /// Where the backup lies: a directory, or s3://, gs:// or az://; new, empty, or with earlier backups of this database
    #[arg(value_name = "DEST")]
    pub(crate) destination: PathBuf,

    /// Remove earlier backups from there when the new one is done
    #[arg(long)]
    pub(crate) prune: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = RESTORE_EXAMPLES)]
pub(crate) struct RestoreArgs {
    /// Where the backup lies: a directory, or s3://, gs:// or az://
    #[arg(value_name = "SRC")]
    pub(crate) source: PathBuf,

    /// Where the database is to lie: a directory, or s3://, gs:// or az://; new, or empty
    #[arg(value_name = "DEST")]
    pub(crate) destination: PathBuf,

    /// The newest backup of this time or before, as 2026-08-01 or 2026-08-01T12:00:00Z; without it, the newest of all
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) as_of: Option<SystemTime>,
}
