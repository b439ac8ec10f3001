//! Durable time-ordered tables on an object store: Arrow and Parquet, no SQL.
//!
//! The parts, in the order in which a row meets them: [`Storage::append`] checks a batch and hands it to the [`wal`];
//! what is durable is delivered into memtables; the flush sorts it into segments and names them in the manifest, which
//! is the truth about what the database holds. A [`Snapshot`] is one moment of all that; recovery makes the newest
//! moment again from manifest and log.

mod append;
mod attributes;
mod backup;
mod batches;
mod bulk;
mod cache;
mod check;
pub mod clock;
mod commit;
mod compaction;
mod ddl;
mod definitions;
mod deletion;
pub mod error;
mod flush;
mod fsync;
mod gc;
mod id_filter;
mod ids;
mod index;
mod latencies;
pub mod location;
mod lock;
mod maintenance;
mod manifest;
mod memtable;
mod merge;
mod nearest;
pub mod object;
mod objects;
mod options;
mod order;
mod partition;
mod past;
mod paths;
mod pins;
mod places;
mod read_only;
mod recovery;
mod retention;
mod rows;
mod schema;
mod segment;
mod snapshot;
mod state;
mod storage;
pub mod testing;
pub mod wal;
mod work;

pub use append::Appended;
pub use attributes::{ATTRIBUTES_COLUMN, AttributeMap, attribute_values, write_json};
pub use backup::{BackupOptions, BackupReport, BackupTarget};
pub use batches::{BATCHES_MAX, BatchId};
pub use bulk::{BulkLoad, LoadReport};
pub use check::{CheckReport, Finding};
pub use clock::{Clock, SystemClock};
pub use compaction::{CompactOptions, CompactReport};
pub use deletion::{DeleteReport, Deletion, DeletionRef, DeletionVector};
pub use error::{Error, ErrorKind, Result};
pub use flush::FlushReport;
pub use gc::GcReport;
pub use id_filter::{IdAnswer, IdProbe};
pub use ids::Ids;
pub use index::{Filtered, IndexedValues, Posting, SegmentIndex};
pub use latencies::{LATENCY_BOUNDS_SECONDS, LatencyCounts};
pub use location::Location;
pub use maintenance::MaintenanceCounts;
pub use manifest::PartitionEntry;
pub use object::{RequestCounts, StoreOperation};
pub use objects::NamedObject;
pub use options::StorageOptions;
pub use partition::TimeRange;
pub use recovery::RecoveryReport;
pub use retention::RetentionReport;
pub use rows::RowSet;
pub use schema::{
    Column, ColumnType, NewColumn, Partitioning, TIME_COLUMN, TableChange, TableOptions, TableSchema,
    TableSpec, TimeUnit, column_id,
};
pub use segment::{SegmentMeta, SegmentReader};
pub use snapshot::{Snapshot, TableSnapshot};
pub use storage::{Status, Storage, StorageBuilder};
pub use wal::{Durability, Position};
