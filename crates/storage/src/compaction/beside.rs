//! Compaction in another process than the writer's: the work is done here, and the writer is offered the result.
//!
//! The segments are read as a reader reads them, and new ones are written that nothing names. Only the writer makes versions, so there is
//! nothing to fence: an offer whose segments have changed meanwhile is refused, and what was written for it is garbage after the grace period.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::MissedTickBehavior;

use super::{
    Job,
    compact::{ATTEMPTS_MAX, CompactOptions, CompactReport, Planned, counted},
    contended,
    plan::Reason,
};
use crate::{
    error::{Error, ErrorKind, Result},
    manifest::Offer,
    storage::{Core, Storage},
};

/// How long the writer may take for offers that wait.
const PATIENCE: Duration = Duration::from_secs(120);

/// An offer that was made, and what it does when it is taken.
struct Offered {
    offer: Offer,
    report: CompactReport,
}

impl Storage {
    /// Does what [`compact`](Self::compact) does while another process is the writer: this one is open for reading only, and what it
    /// merges is offered to the writer, which exchanges the segments within seconds. Rows in memory stay there.
    ///
    /// # Errors
    /// `Invalid` where this storage is the writer or does not follow one; `NotFound` for an unknown table; `Conflict` where others change the same segments again and
    /// again; `Unavailable` where no writer takes what is offered. What was taken stays taken.
    pub async fn compact_beside_writer(
        &self,
        table: &str,
        options: CompactOptions<'_>,
    ) -> Result<CompactReport> {
        self.core.check_open()?;
        if !self.is_read_only() || self.core.options.follow_interval.is_zero() {
            return Err(Error::invalid("only a reader that follows its writer compacts beside it"));
        }
        let record = Arc::clone(self.core.state().table(table)?.record());
        let chosen = record.partitions.iter().filter(|entry| (options.partitions)(entry));
        let mut left: Vec<String> = chosen.map(|entry| entry.key.clone()).collect();
        let (all, mut refused, mut report) = (left.len() as u64, 0, CompactReport::default());
        let mut changed = BTreeSet::new();
        loop {
            // 1. one merge in each partition that needs one
            let mut offers = Vec::new();
            for partition in std::mem::take(&mut left) {
                self.core.check_open()?;
                if let Some(offered) = self.core.offer(record.id, &partition).await? {
                    offers.push(offered);
                    left.push(partition);
                }
                (options.progress)(all - left.len() as u64, all);
            }
            if offers.is_empty() {
                break;
            }
            // 2. the writer takes them, or not
            let taken = self.core.answers(&offers).await?;
            refused = if taken.contains(&true) { 0 } else { refused + 1 };
            if refused == ATTEMPTS_MAX {
                return Err(contended(table, &left.join(", ")));
            }
            for (offered, _) in offers.iter().zip(&taken).filter(|(_, taken)| **taken) {
                report.add(offered.report);
                changed.insert(offered.offer.partition.clone());
            }
        }
        report.partitions = changed.len() as u64;
        report.version = self.core.state().root().version;
        Ok(report)
    }
}

impl Core {
    /// Merges once, and offers the result; `None` where the partition is in order.
    async fn offer(self: &Arc<Self>, table: u64, partition: &str) -> Result<Option<Offered>> {
        let Some(Planned { record, old, _version }) = self.plan(table, partition, Reason::Asked).await?
        else {
            return Ok(None);
        };
        let new = Job::new(self, &record, old.clone()).run(true).await?;
        let report = counted(&old, &new);
        let offer = Offer {
            id: self.ids.next_id(),
            table,
            partition: partition.to_owned(),
            old: old.iter().map(|segment| segment.rows_id().into_owned()).collect(),
            new: new.iter().map(|segment| segment.as_ref().clone()).collect(),
        };
        self.reading.manifest.put_offer(&offer).await?;
        Ok(Some(Offered { offer, report }))
    }

    /// Waits until the writer has answered all offers, and this reader has seen it; says which of them it took.
    async fn answers(&self, offers: &[Offered]) -> Result<Vec<bool>> {
        let mut ticks = tokio::time::interval(self.options.follow_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let manifest = &self.reading.manifest;
        let (mut waiting, mut since_ns) = (offers.len(), self.clock.monotonic_ns());
        while waiting > 0 {
            ticks.tick().await;
            self.check_open()?;
            if !manifest.is_offered(&offers[offers.len() - waiting].offer.id).await? {
                (waiting, since_ns) = (waiting - 1, self.clock.monotonic_ns());
                continue;
            }
            if u128::from(self.clock.monotonic_ns().saturating_sub(since_ns)) > PATIENCE.as_nanos() {
                for offered in offers {
                    manifest.remove_offer(&offered.offer.id).await?;
                }
                let message =
                    format!("no writer took what was compacted within {PATIENCE:?}: is one running?");
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
        }
        // the version that an answer made was there before the offer went
        let newest = manifest.newest_version().await?.unwrap_or(0);
        while self.state().root().version < newest {
            ticks.tick().await;
            self.check_open()?;
        }
        let mut taken = Vec::with_capacity(offers.len());
        for offered in offers {
            taken.push(self.is_taken(&offered.offer).await?);
        }
        Ok(taken)
    }

    /// Whether the segments of an offer are part of the database now.
    async fn is_taken(&self, offer: &Offer) -> Result<bool> {
        let state = self.state();
        let Some(record) = state.root().table_by_id(offer.table) else { return Ok(false) };
        let Some(entry) = record.partition(&offer.partition) else { return Ok(offer.new.is_empty()) };
        let list = self.reading.manifest.day_list(offer.table, entry).await?;
        let is_there = |id: &str| list.segments.iter().any(|segment| segment.id == id);
        // where nothing was left there is nothing new to find: then the old ones are gone
        Ok(match offer.new.as_slice() {
            [] => !list.segments.iter().any(|segment| offer.old.iter().any(|old| *old == segment.rows_id())),
            new => new.iter().all(|segment| is_there(&segment.id)),
        })
    }
}
