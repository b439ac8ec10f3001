//! What is true of every root and day list. Checked before one is written and after one is read.

use std::collections::BTreeSet;

use super::{DayList, PartitionEntry, Root, TableRecord};

/// The rules of a root; the error is the rule that does not hold.
pub(super) fn check_root(root: &Root) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut lists = BTreeSet::new();
    for table in &root.tables {
        if !names.insert(&table.name) {
            return Err(format!("two tables are named {:?}", table.name));
        }
        if !ids.insert(table.id) || table.id >= root.next_table_id {
            return Err(format!("table {:?} has the wrong id {}", table.name, table.id));
        }
        if table.flushed < root.log_flushed {
            return Err(format!("table {:?} needs positions of the log that are given up", table.name));
        }
        if let Some(entry) = table.partitions.iter().find(|entry| !lists.insert(&entry.list)) {
            return Err(format!("day list {} is named twice", entry.list));
        }
        check_partitions(table)?;
    }
    let mut objects = BTreeSet::new();
    if let Some(object) = root.named_objects().find(|object| !objects.insert(&object.id)) {
        return Err(format!("object {} is named twice", object.id));
    }
    Ok(())
}

fn check_partitions(table: &TableRecord) -> Result<(), String> {
    if !table.partitions.is_sorted_by(|a, b| a.key < b.key) {
        return Err(format!("the partitions of table {:?} are not in order", table.name));
    }
    match table
        .partitions
        .iter()
        .find(|entry| entry.segments == 0 || entry.rows < entry.segments || entry.min_time > entry.max_time)
    {
        Some(entry) => Err(format!("partition {} of table {:?} is empty", entry.key, table.name)),
        None => Ok(()),
    }
}

/// The rules of a day list that the root names by `entry`.
pub(super) fn check_day_list(table: u64, entry: &PartitionEntry, list: &DayList) -> Result<(), String> {
    if list.table != table || list.id != entry.list || list.partition != entry.key {
        return Err(format!(
            "it is the list {} of partition {} of table {}, not {} of {} of {table}",
            list.id, list.partition, list.table, entry.list, entry.key
        ));
    }
    if list.entry() != *entry {
        return Err("its segments do not add up to what the root says of them".to_owned());
    }
    let mut ids = BTreeSet::new();
    for segment in &list.segments {
        if !ids.insert(&segment.id) {
            return Err(format!("segment {} is named twice", segment.id));
        }
        if segment.partition != list.partition || segment.rows == 0 || segment.min_time > segment.max_time {
            return Err(format!("segment {} does not belong to partition {}", segment.id, list.partition));
        }
        if segment.deletions.as_ref().is_some_and(|found| found.rows == 0 || found.rows >= segment.rows) {
            return Err(format!("segment {} has no row, or none that is deleted", segment.id));
        }
        if segment.tail_offset >= segment.bytes {
            return Err(format!("segment {} has no footer", segment.id));
        }
    }
    Ok(())
}
