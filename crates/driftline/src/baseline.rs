//! Baselines as the database keeps them: an immutable object each, named by the manifest root, measured by `CREATE BASELINE`
//! (`sql/create_baseline.rs`) and found again for every `baseline('name')` (`sql/baseline_calls.rs`).
//!
//! A baseline belongs to a snapshot, as rows do: a query keeps the one of its moment though it is replaced meanwhile. Those that
//! were read stay in memory, by the id of their object, within a limit of bytes.

mod file;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use driftline_functions::baseline::{Keys, References};
use driftline_storage::{NamedObject, Snapshot};

use crate::error::{Error, ErrorKind, Result, nearest};

pub(crate) use file::{KINDS, Measured, read, write};

/// The kind under which the manifest keeps baselines.
pub(crate) const BASELINE: &str = "baseline";
/// Bytes of the baselines that are kept in memory; of larger ones only the last.
const CACHE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One baseline, read.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) created_at: i64,
    /// Rows that the query gave.
    pub(crate) rows: u64,
    pub(crate) keys: Option<Arc<Keys>>,
    pub(crate) columns: Vec<BaselineColumn>,
    /// Answers that were NULL because a key has no reference, since the database was opened.
    pub(crate) keys_missed: Arc<AtomicU64>,
    pub(crate) object: NamedObject,
}

/// One compared column of a baseline.
#[derive(Debug)]
pub(crate) struct BaselineColumn {
    pub(crate) name: String,
    /// The type that the query gave it, in SQL.
    pub(crate) sql_type: String,
    pub(crate) references: Arc<References>,
}

impl Baseline {
    /// The names of the keys, in their order.
    pub(crate) fn key_names(&self) -> &[String] {
        self.keys.as_ref().map_or(&[], |keys| keys.names())
    }

    /// Finds a compared column; the error names the nearest.
    pub(crate) fn column(&self, name: &str) -> Result<&BaselineColumn> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let hint = nearest(name, self.columns.iter().map(|column| column.name.as_str()));
            let message = format!("baseline \"{}\" has no column \"{name}\"{hint}", self.name);
            Error::new(ErrorKind::NotFound, message)
        })
    }

    fn heap_bytes(&self) -> usize {
        self.columns.iter().map(|column| column.references.heap_bytes()).sum()
    }
}

/// The baselines that were read, by the id of their object.
#[derive(Debug, Default)]
pub(crate) struct Baselines {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    read: BTreeMap<String, Arc<Baseline>>,
    bytes: usize,
    /// Kept though a baseline leaves memory.
    keys_missed: BTreeMap<String, Arc<AtomicU64>>,
}

impl Baselines {
    /// A baseline of a snapshot.
    pub(crate) async fn get(
        &self,
        name: &str,
        object: &NamedObject,
        snapshot: &Snapshot,
    ) -> Result<Arc<Baseline>> {
        if let Some(known) = self.known(&object.id) {
            return Ok(known);
        }
        let content = snapshot.read_object(object).await?;
        let baseline = Arc::new(read(name, object, content, self.keys_missed(&object.id))?);
        self.keep(Arc::clone(&baseline));
        Ok(baseline)
    }

    fn known(&self, id: &str) -> Option<Arc<Baseline>> {
        self.lock().read.get(id).cloned()
    }

    fn keys_missed(&self, id: &str) -> Arc<AtomicU64> {
        Arc::clone(self.lock().keys_missed.entry(id.to_owned()).or_default())
    }

    /// The oldest go first where there are too many bytes.
    fn keep(&self, baseline: Arc<Baseline>) {
        let mut inner = self.lock();
        inner.bytes += baseline.heap_bytes();
        let before = inner.read.insert(baseline.object.id.clone(), baseline);
        inner.bytes -= before.map_or(0, |before| before.heap_bytes());
        while inner.bytes > CACHE_BYTES_MAX && inner.read.len() > 1 {
            let Some((_, oldest)) = inner.read.pop_first() else { break };
            inner.bytes -= oldest.heap_bytes();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
