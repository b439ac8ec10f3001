//! What keeps a database in order while it is open: a task that looks around now and then.

mod counts;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{Interval, MissedTickBehavior};

use crate::{
    compaction::{CompactReport, Reason},
    error::Result,
    id_filter::{ID_FILTER_BYTES_MAX, Thoroughness, Which},
    manifest::PartitionEntry,
    storage::Core,
};

pub(crate) use counts::MaintenanceCounter;
pub use counts::MaintenanceCounts;

/// How often garbage is collected in a grace period.
const COLLECTIONS: u32 = 4;
/// How often it is looked, at the least, whether another process offers a compaction.
const OFFERS_INTERVAL: Duration = Duration::from_secs(2);

/// The task. It does not keep the storage open: when the last handle goes, it ends.
pub(crate) struct Maintainer {
    core: Weak<Core>,
    /// Day lists that were found in order, and as what they were looked at.
    in_order: HashMap<String, Reason>,
    /// The origins of partitions with a segment that is too large for an id filter.
    too_large: HashSet<String>,
    /// When garbage was collected last, by the monotonic clock.
    collected_ns: Option<u64>,
}

impl Maintainer {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::downgrade(core),
            in_order: HashMap::new(),
            too_large: HashSet::new(),
            collected_ns: None,
        }
    }

    /// Works until the storage is closed or dropped.
    pub(crate) async fn run(mut self) {
        let Some(interval) = self.core.upgrade().map(|core| core.options.maintenance_interval) else {
            return;
        };
        let mut ticks = every(interval).await;
        let mut offers = every(interval.min(OFFERS_INTERVAL)).await;
        loop {
            let is_for_offers = tokio::select! {
                _ = ticks.tick() => false,
                _ = offers.tick() => true,
            };
            let Some(core) = self.core.upgrade().filter(|core| core.check_writable().is_ok()) else { return };
            if is_for_offers {
                if let Err(error) = core.take_offers().await {
                    core.maintenance.failed();
                    tracing::warn!(%error, "what other processes compacted is not taken");
                }
                continue;
            }
            self.look_around(&core).await;
        }
    }

    /// Does what is to be done.
    pub(crate) async fn look_around(&mut self, core: &Arc<Core>) {
        if let Err(error) = core.apply_retention().await {
            core.maintenance.failed();
            tracing::warn!(%error, "what is past its retention stays");
        }
        if core.options.compaction {
            self.compact(core).await;
            self.cover_ids(core).await;
        }
        self.collect_garbage(core).await;
    }

    async fn collect_garbage(&mut self, core: &Arc<Core>) {
        let grace = core.options.grace_period;
        let now_ns = core.clock.monotonic_ns();
        let due_ns = u64::try_from((grace / COLLECTIONS).as_nanos()).unwrap_or(u64::MAX);
        if self.collected_ns.is_some_and(|last| now_ns.saturating_sub(last) < due_ns) {
            return;
        }
        self.collected_ns = Some(now_ns);
        if let Err(error) = core.collect_garbage(grace).await
            && core.check_writable().is_ok()
        {
            core.maintenance.failed();
            tracing::warn!(%error, "garbage stays");
        }
    }

    /// Compacts what has grown, and what nothing comes to any more.
    async fn compact(&mut self, core: &Arc<Core>) {
        let root = Arc::clone(core.state().root());
        let mut in_order = HashMap::new();
        for record in &root.tables {
            for entry in &record.partitions {
                match self.compact_partition(core, record.id, &entry.key, &entry.list).await {
                    Ok(reason) => drop(in_order.insert(entry.list.clone(), reason)),
                    Err(_) if core.check_writable().is_err() => return,
                    Err(error) => {
                        core.maintenance.failed();
                        tracing::warn!(%error, table = record.name, partition = entry.key, "compaction failed");
                    }
                }
            }
        }
        self.in_order = in_order;
    }

    /// Makes id filters of what is in order and stays so.
    async fn cover_ids(&mut self, core: &Arc<Core>) {
        let root = Arc::clone(core.state().root());
        let mut too_large = HashSet::new();
        for record in &root.tables {
            let is_settled = |entry: &PartitionEntry| {
                self.in_order.get(&entry.list) == Some(&Reason::Quiet)
                    && !self.too_large.contains(entry.origin())
            };
            let which = Which {
                is_settled: &is_settled,
                thoroughness: Thoroughness::Usual,
                bytes_max: ID_FILTER_BYTES_MAX,
            };
            let _one_at_a_time = core.compactions.lock().await;
            match core.cover_ids(record.id, &which).await {
                Ok(found) => too_large.extend(found),
                Err(_) if core.check_writable().is_err() => return,
                Err(error) => {
                    core.maintenance.failed();
                    tracing::warn!(%error, table = record.name, "ids are looked up without an id filter");
                }
            }
        }
        let named: HashSet<&str> =
            root.tables.iter().flat_map(|table| &table.partitions).map(PartitionEntry::origin).collect();
        self.too_large.extend(too_large);
        self.too_large.retain(|origin| named.contains(origin.as_str()));
    }

    /// Returns as what the day list was looked at that is in order now.
    async fn compact_partition(
        &self,
        core: &Arc<Core>,
        table: u64,
        partition: &str,
        list: &str,
    ) -> Result<Reason> {
        let known = self.in_order.get(list).copied();
        if known == Some(Reason::Quiet) {
            return Ok(Reason::Quiet);
        }
        let state = core.state();
        let Some(record) = state.root().table_by_id(table) else { return Ok(Reason::Growth) };
        let Some(entry) = record.partition(partition) else { return Ok(Reason::Growth) };
        let segments = &core.reading.manifest.day_list(table, entry).await?.segments;
        let newest = segments.iter().map(|segment| segment.created_at).max().unwrap_or(i64::MAX);
        let quiet_ns = i64::try_from(core.options.compaction_quiet.as_nanos()).unwrap_or(i64::MAX);
        let is_quiet = core.clock.now_ns().saturating_sub(newest) >= quiet_ns;
        let reason = if is_quiet { Reason::Quiet } else { Reason::Growth };
        if known == Some(reason) {
            return Ok(reason);
        }
        let _one_at_a_time = core.compactions.lock().await;
        let mut report = CompactReport::default();
        core.compact_partition(table, partition, reason, &mut report).await?;
        if report.partitions > 0 {
            let CompactReport { segments_before, segments_after, bytes_before, bytes_after, .. } = report;
            tracing::info!(
                table = record.name,
                partition,
                segments_before,
                segments_after,
                bytes_before,
                bytes_after,
                "compacted"
            );
        }
        Ok(reason)
    }
}

/// Ticks from the next interval on.
async fn every(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // the first comes at once
    ticks.tick().await;
    ticks
}
