//! Check: are the bytes of the database those that were written?

use crate::{
    error::Result,
    manifest::{PartitionEntry, TableRecord},
    paths, segment,
    snapshot::Reading,
    storage::{Access, Core, Storage},
};

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The version of the manifest that was checked.
    pub version: u64,
    /// Tables in it.
    pub tables: u64,
    /// Day lists read.
    pub day_lists: u64,
    /// Segments looked at.
    pub segments: u64,
    /// Rows in these segments that are not deleted.
    pub rows: u64,
    /// Bytes of these segments.
    pub bytes: u64,
    /// Named objects, such as baselines, and id filters read.
    pub objects: u64,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
}

/// Something wrong with one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The path of the object below the root of the database.
    pub object: String,
    /// What is wrong, as the error says it that a query would meet.
    pub problem: String,
}

impl Storage {
    /// Checks everything that the newest root names (for a reader, the root that it opened): the root, all day lists, all named
    /// objects, and of every segment its size and footer;
    /// with `deep` also every byte by its checksum and every value by decoding it. Goes on after a finding.
    ///
    /// # Errors
    /// `Closed` after [`close`](Self::close). What is wrong with the data is no error but a finding.
    pub async fn check(&self, deep: bool) -> Result<CheckReport> {
        self.core.check_open()?;
        let mut report = CheckReport::default();
        // a root is read while no commit replaces it: what lies in the store must be what is served
        // and what it names stays until all of it is looked at
        let snapshot = {
            let _turn = self.core.commits.lock().await;
            let snapshot = self.snapshot();
            let served = snapshot.root();
            let object = paths::root(served.version);
            let manifest = &self.core.reading.manifest;
            let stored = match self.core.access {
                Access::Write => manifest.newest().await,
                // the writer may have made newer ones by now
                Access::Read | Access::Past => manifest.root(served.version).await.map(Some),
            };
            match stored {
                Ok(Some(stored)) if stored == *served => {}
                Ok(stored) => {
                    let version = stored.map_or(0, |stored| stored.version);
                    let problem = format!("the newest root is {version}, served is {}", served.version);
                    report.findings.push(Finding { object, problem });
                }
                Err(error) => report.findings.push(Finding { object, problem: error.to_string() }),
            }
            snapshot
        };
        let root = snapshot.root();
        report.version = root.version;
        for table in &root.tables {
            report.tables += 1;
            for entry in &table.partitions {
                self.core.check_partition(table, entry, deep, &mut report).await;
            }
            self.core.check_id_filters(table, deep, &mut report).await;
        }
        self.core.reading.check_objects(root, &mut report).await;
        Ok(report)
    }
}

impl Core {
    async fn check_id_filters(&self, table: &TableRecord, deep: bool, report: &mut CheckReport) {
        for filter in &table.id_filters {
            report.objects += 1;
            if let Err(error) = self.reading.verify_id_filter(filter, deep).await {
                report.findings.push(Finding { object: filter.path(), problem: error.to_string() });
            }
        }
    }

    async fn check_partition(
        &self,
        table: &TableRecord,
        entry: &PartitionEntry,
        deep: bool,
        report: &mut CheckReport,
    ) {
        report.day_lists += 1;
        let list = match self.reading.manifest.read_day_list(table.id, entry).await {
            Ok(list) => list,
            Err(error) => {
                let object = paths::day_list(&entry.list);
                report.findings.push(Finding { object, problem: error.to_string() });
                return;
            }
        };
        for segment in &list.segments {
            report.segments += 1;
            report.rows += segment.live_rows();
            report.bytes += segment.bytes;
            if let Err(error) = segment::verify(&self.reading.source, segment, &table.schema, deep).await {
                report.findings.push(Finding { object: segment.path.clone(), problem: error.to_string() });
            }
            if let Some(found) = &segment.deletions
                && let Err(error) = Reading::read_deletions(&self.reading.source, found, segment.rows).await
            {
                report.findings.push(Finding { object: found.path(), problem: error.to_string() });
            }
        }
    }
}
