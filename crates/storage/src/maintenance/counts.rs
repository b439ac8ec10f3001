//! What maintenance has done, counted for those who watch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{compaction::CompactReport, gc::GcReport};

/// What maintenance has done since the database was opened, in the background and on request. All of it grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MaintenanceCounts {
    /// How often a compaction put segments in the place of others; those among them that other processes made.
    pub compactions: u64,
    /// Segments that were read for it, and are gone.
    pub segments_before: u64,
    /// Segments that were written in their place.
    pub segments_after: u64,
    /// Bytes of the segments that were read.
    pub bytes_before: u64,
    /// Bytes of the segments that were written.
    pub bytes_after: u64,
    /// Objects that were removed because no version needs them.
    pub removed_objects: u64,
    /// Bytes of these objects.
    pub removed_bytes: u64,
    /// How often work in the background failed. It is tried again.
    pub failures: u64,
}

/// Counts that maintenance adds to and others read.
#[derive(Debug, Default)]
pub(crate) struct MaintenanceCounter(Mutex<MaintenanceCounts>);

impl MaintenanceCounter {
    pub(crate) fn counts(&self) -> MaintenanceCounts {
        *self.lock()
    }

    pub(crate) fn compacted(&self, report: &CompactReport) {
        let mut counts = self.lock();
        counts.compactions += 1;
        counts.segments_before += report.segments_before;
        counts.segments_after += report.segments_after;
        counts.bytes_before += report.bytes_before;
        counts.bytes_after += report.bytes_after;
    }

    pub(crate) fn collected(&self, report: &GcReport) {
        let mut counts = self.lock();
        counts.removed_objects += report.objects;
        counts.removed_bytes += report.bytes;
    }

    pub(crate) fn failed(&self) {
        self.lock().failures += 1;
    }

    fn lock(&self) -> MutexGuard<'_, MaintenanceCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
