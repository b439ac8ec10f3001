//! Backups, and databases made of them.

use std::path::PathBuf;

use driftline_storage::{BackupOptions, BackupReport, BackupTarget};

use crate::db::Database;
use crate::error::Result;

impl Database {
    /// Copies the database to a place that is missing, empty or holds a backup of it, a directory or a prefix of a bucket (`s3://`, `gs://`,
    /// `az://`): all rows that were acknowledged before, of one
    /// moment. Files that are there already are not copied again, and every one that is copied is read back. The place is a database that
    /// can be opened for reading only, and has earlier backups, too, until they are pruned ([`DatabaseBuilder::as_of`](crate::DatabaseBuilder::as_of)
    /// opens them). A database that is open for reading only is copied beside the process that writes it.
    ///
    /// # Errors
    /// `Invalid` for a directory in the database itself or a URL that is no place, `AlreadyExists` for one that holds something else, `Conflict` where another
    /// process writes there or the backup is newer than this database, `Corrupted` for damaged files, `ResourceExhausted` for a full disk.
    /// After an error, or when the caller stops waiting, the backup before is as it was; the next one goes on from there.
    ///
    /// # Example
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let (path, backup, restored) = (dir.path().join("db"), dir.path().join("backup"), dir.path().join("restored"));
    /// use driftline::Database;
    /// use driftline::storage::BackupOptions;
    /// let database = Database::open(&path).await?;
    /// database.sql("CREATE TABLE t (time TIMESTAMP NOT NULL, n BIGINT)").await?;
    /// database.sql("INSERT INTO t VALUES ('2026-08-01', 1)").await?;
    /// let report = database.backup(&backup, BackupOptions::default()).await?;
    /// assert!(report.copied > 0);
    /// Database::restore(&backup, &restored, None, BackupOptions::default()).await?;
    /// let restored = Database::open(&restored).await?;
    /// let batches = restored.sql("SELECT n FROM t").await?.collect().await?;
    /// assert_eq!(batches[0].num_rows(), 1);
    /// # Ok::<(), driftline::Error>(()) }).unwrap();
    /// ```
    pub async fn backup(
        &self,
        place: impl Into<PathBuf>,
        options: BackupOptions<'_>,
    ) -> Result<BackupReport> {
        Ok(self.storage().backup(BackupTarget::parse(place.into())?, options).await?)
    }

    /// Makes a database of a backup, in a directory or a prefix of a bucket that is missing or empty: of the newest, or of the newest that
    /// was made at a time, in nanoseconds since 1970, or before. The backup stays what it is.
    ///
    /// # Errors
    /// `NotFound` where there is no backup, or none so old; `Invalid` where it is no backup but a database, or where it has rows that lay in
    /// the log alone (which a backup of a database that is served may have) and is to become one in a bucket; otherwise as
    /// [`backup`](Self::backup).
    pub async fn restore(
        backup: impl Into<PathBuf>,
        place: impl Into<PathBuf>,
        as_of_ns: Option<i64>,
        options: BackupOptions<'_>,
    ) -> Result<BackupReport> {
        let target = BackupTarget::parse(place.into())?;
        let builder = Self::builder(backup).read_only(true);
        let source = match as_of_ns {
            Some(time_ns) => builder.as_of(time_ns),
            None => builder,
        };
        let source = source.open().await?;
        let restored = source.storage().restore(target, options).await;
        source.close().await?;
        Ok(restored?)
    }
}
