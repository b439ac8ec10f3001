use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use object_store::{ObjectStoreExt, path::Path};
use parquet::bloom_filter::Sbbf;
use proptest::prelude::*;

use super::{
    ID_FILTER_BYTES_MAX, IdProbe, Which,
    block::{BLOCK_BYTES, Hashed},
    plan::{Known, Thoroughness, plan},
};
use crate::{
    Clock, ColumnType, CompactOptions, Durability, ErrorKind, NewColumn, Storage, StorageOptions,
    TableChange, TableOptions, TableSnapshot, TableSpec, TimeRange,
    maintenance::Maintainer,
    testing::{ManualClock, Operation, SimDisk},
};

const DAY_NS: i64 = 86_400_000_000_000;
const HOUR: Duration = Duration::from_secs(3_600);
/// 2026-08-01T00:00:00Z
const FIRST_DAY: i64 = 1_785_542_400_000_000_000 / DAY_NS;

proptest! {
    // breaks when hash, choice of the block or bits differ from those of the filters in segments
    #[test]
    fn a_block_answers_as_its_whole_filter(
        present in proptest::collection::vec(any::<[u8; 16]>(), 1..200),
        others in proptest::collection::vec(any::<Vec<u8>>(), 1..200),
        size in 0_u32..9,
    ) {
        let mut filter = Sbbf::new_with_num_of_bytes(BLOCK_BYTES << size);
        for value in &present {
            filter.insert(value.as_slice());
        }
        let mut bytes = Vec::new();
        filter.write_bitset(&mut bytes).unwrap();
        let check = |value: &[u8]| {
            let hashed = Hashed::of(value);
            let block = hashed.block(filter.num_blocks() as u32) as usize;
            hashed.is_in(&bytes[block * BLOCK_BYTES..][..BLOCK_BYTES])
        };
        for value in &present {
            prop_assert!(check(value));
        }
        for value in &others {
            prop_assert_eq!(check(value), filter.check(value.as_slice()));
        }
    }
}

// breaks when filters stay many, when large ones are rewritten for every small one, or grow beyond their limit
#[test]
fn sizes_decide_what_is_taken_in() {
    const MIB: u64 = 1 << 20;
    let whole = |bytes: u64| Known { bytes, live_bytes: bytes };
    let worn = |bytes, live_bytes| Known { bytes, live_bytes };
    let (usual, all) = (Thoroughness::Usual, Thoroughness::All);
    let cases: [(&[Known], u64, Thoroughness, &[usize]); 11] = [
        (&[], MIB, usual, &[]),
        (&[whole(4 * MIB)], MIB, usual, &[0]),
        (&[whole(5 * MIB)], MIB, usual, &[]),
        // each that is taken in makes the next one small
        (&[whole(20 * MIB), whole(4 * MIB)], MIB, usual, &[0, 1]),
        (&[whole(26 * MIB), whole(4 * MIB)], MIB, usual, &[1]),
        (&[whole(ID_FILTER_BYTES_MAX - MIB), whole(MIB)], MIB, usual, &[1]),
        // in order
        (&[whole(MIB), whole(MIB)], 0, usual, &[]),
        (&[worn(4 * MIB, 2 * MIB)], 0, usual, &[]),
        (&[worn(4 * MIB, MIB), whole(40 * MIB)], 0, usual, &[0]),
        (&[worn(4 * MIB, 0)], 0, usual, &[0]),
        (&[worn(4 * MIB, 3 * MIB), whole(20 * MIB)], 0, all, &[0]),
    ];
    for (known, new_bytes, thoroughness, expected) in cases {
        assert_eq!(
            plan(known, new_bytes, &which(thoroughness)),
            expected,
            "{known:?} and {new_bytes}, {thoroughness:?}"
        );
    }
}

// breaks when what comes day by day is rewritten too often, or lies in too many filters
#[test]
fn a_filter_is_rewritten_a_logarithmic_number_of_times() {
    let day = 100 << 10;
    let (mut filters, mut written, mut most) = (Vec::<Known>::new(), 0, 0);
    for _ in 0..3_650 {
        let taken = plan(&filters, day, &which(Thoroughness::Usual));
        let bytes = day + taken.iter().map(|index| filters[*index].bytes).sum::<u64>();
        assert!(bytes <= ID_FILTER_BYTES_MAX);
        let mut index = 0;
        filters.retain(|_| (!taken.contains(&index), index += 1).0);
        filters.push(Known { bytes, live_bytes: bytes });
        written += bytes;
        most = most.max(filters.iter().filter(|filter| filter.bytes < ID_FILTER_BYTES_MAX / 5).count());
    }
    let full = filters.len() - filters.iter().filter(|filter| filter.bytes < ID_FILTER_BYTES_MAX / 5).count();
    assert!(most <= 4 && full <= 12, "{most} small ones at a time, {full} large ones");
    assert!(written / (3_650 * day) <= 16, "each byte was written {} times", written / (3_650 * day));
}

fn which(thoroughness: Thoroughness) -> Which<'static> {
    Which { is_settled: &|_| true, thoroughness, bytes_max: ID_FILTER_BYTES_MAX }
}

struct World {
    disk: SimDisk,
    clock: Arc<ManualClock>,
    storage: Storage,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new((FIRST_DAY + 1_000) * DAY_NS));
        let disk = SimDisk::new();
        let storage = Self::open(&disk, &clock, false).await;
        let spec = TableSpec {
            name: "t".to_owned(),
            columns: vec![
                NewColumn::time(),
                NewColumn::new("trace_id", ColumnType::Text),
                NewColumn::new("number", ColumnType::Int64),
            ],
            options: TableOptions {
                bloom: vec!["trace_id".to_owned(), "number".to_owned()],
                ..TableOptions::default()
            },
        };
        storage.create_table(spec).await.unwrap();
        Self { disk, clock, storage }
    }

    async fn open(disk: &SimDisk, clock: &Arc<ManualClock>, compaction: bool) -> Storage {
        let options = StorageOptions { compaction, ..StorageOptions::default() };
        let builder = Storage::builder("").seed(1).clock(Arc::clone(clock) as _).options(options);
        builder.object_store(disk.store()).log(disk.log()).open().await.unwrap()
    }

    /// Adds rows to some days, each with an id and a number of its own. Later days have more of them.
    async fn load(&self, days: std::ops::Range<i64>, part: i64) {
        let mut load = self.storage.bulk_load("t").unwrap();
        for day in days {
            load.push(batch(day, part, 20 + day % 7 * 30)).await.unwrap();
        }
        load.commit().await.unwrap();
    }

    fn table(&self) -> Arc<TableSnapshot> {
        Arc::clone(self.storage.snapshot().table("t").unwrap())
    }

    /// The database as another process sees it, with nothing in its caches.
    async fn reader(&self) -> Storage {
        let builder = Storage::builder("").object_store(self.disk.store()).log(self.disk.log());
        builder.read_only(true).open().await.unwrap()
    }

    async fn compact(&self) {
        self.storage.compact("t", CompactOptions::default()).await.unwrap();
    }

    /// Compares what id filters say of some ids with what the filters of the segments say. Returns of how many row groups something was
    /// known, and of how many nothing, for one id.
    async fn check(&self) -> (usize, usize) {
        let table = self.table();
        let (mut known, mut unknown) = (0, 0);
        for id in [id(0, 0, 3), id(5, 0, 0), id(9, 1, 7), id(11, 0, 2), "none".to_owned(), "xyz".to_owned()] {
            (known, unknown) = check(&table, &[probe(&table, "trace_id", id.into_bytes())]).await;
        }
        for number in [5_000_003_i64, -1, 11_000_002] {
            check(&table, &[probe(&table, "number", number.to_le_bytes().to_vec())]).await;
        }
        let both = [
            probe(&table, "number", 5_000_003_i64.to_le_bytes().to_vec()),
            probe(&table, "trace_id", id(5, 0, 3).into_bytes()),
        ];
        check(&table, &both).await;
        (known, unknown)
    }

    fn id_filters(&self) -> usize {
        self.table().record().id_filters.len()
    }
}

fn id(day: i64, part: i64, row: i64) -> String {
    let number = (day * 1_000_000 + part * 100_000 + row) as u64;
    format!("{:032x}", u128::from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)) << 40)
}

fn batch(day: i64, part: i64, rows: i64) -> RecordBatch {
    let times = (0..rows).map(|row| (FIRST_DAY + day) * DAY_NS + row);
    let times = TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC");
    let ids: StringArray = (0..rows).map(|row| Some(id(day, part, row))).collect();
    let numbers = Int64Array::from_iter_values((0..rows).map(|row| day * 1_000_000 + part * 100_000 + row));
    let columns: [(&str, ArrayRef); 3] =
        [("time", Arc::new(times)), ("trace_id", Arc::new(ids)), ("number", Arc::new(numbers))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn probe(table: &TableSnapshot, column: &str, value: Vec<u8>) -> IdProbe {
    let column = table.schema().column(column).unwrap().id;
    IdProbe { column, from_attribute: false, values: vec![value] }
}

async fn check(table: &TableSnapshot, probes: &[IdProbe]) -> (usize, usize) {
    let partitions: Vec<_> = table.partitions().iter().collect();
    let answer = table.ask_ids(probes, &partitions).await.unwrap();
    let (mut known, mut unknown) = (0, 0);
    for entry in &partitions {
        let mut found = Vec::new();
        for meta in table.segments(entry.time_range()).await.unwrap() {
            let reader = table.open_segment(&meta).await.unwrap();
            for row_group in 0..reader.row_groups() {
                let mut expected = true;
                for probe in probes {
                    expected &= reader.may_contain(row_group, probe.column, &probe.values[0]).await.unwrap();
                }
                let told = match answer.may_be_in(entry) {
                    true => answer.row_groups(&meta).map(|row_groups| row_groups[row_group]),
                    false => Some(false),
                };
                match told {
                    Some(told) => assert_eq!(told, expected, "{} {row_group}", meta.id),
                    None => unknown += 1,
                }
                known += usize::from(told.is_some());
                found.push(expected);
            }
        }
        assert!(answer.may_be_in(entry) || !found.contains(&true), "{}", entry.key);
    }
    (known, unknown)
}

// breaks when an id filter says anything else than the segments do, whatever came, went, was merged or deleted since it was made
#[tokio::test]
async fn id_filters_answer_as_the_segments_do() {
    let world = World::new().await;
    world.load(0..7, 0).await;
    world.compact().await;
    assert_eq!((world.id_filters(), world.check().await), (0, (0, 7)), "seven segments are too few");
    world.load(7..12, 0).await;
    assert_eq!(world.check().await, (0, 12));
    world.compact().await;
    assert_eq!((world.id_filters(), world.check().await), (2, (12, 0)), "one filter a column");
    // rows that come late: what was there is still known
    world.load(9..10, 1).await;
    world.storage.append("t", batch(11, 2, 10), Durability::Durable).await.unwrap();
    world.storage.flush(None).await.unwrap();
    assert_eq!(world.check().await, (12, 2));
    // some rows of a segment go, and all of another
    let mut deletion = world.storage.delete("t").await.unwrap();
    for segment in deletion.table().segments(TimeRange::ALL).await.unwrap() {
        match segment.partition.as_str() {
            "2026-08-03" => deletion.add(&segment.id, 0..10),
            "2026-08-06" => deletion.add(&segment.id, 0..segment.rows as u32),
            _ => {}
        }
    }
    deletion.commit().await.unwrap();
    let day = |day: i64| world.table().record().partition(&format!("2026-08-{day:02}")).cloned();
    assert!(day(3).unwrap().origin.is_some() && day(6).is_none(), "lists that lose keep their origin");
    assert_eq!(world.check().await, (11, 2));
    world.load(12..13, 0).await;
    world.compact().await;
    assert_eq!((world.id_filters(), world.check().await), (2, (12, 0)));
    for filter in &world.table().record().id_filters {
        assert_eq!(filter.segments, 12, "nothing stays of what is gone");
    }
    assert_eq!(world.storage.check(true).await.unwrap().findings, []);
    // a reader has them, too
    let reader = world.reader().await;
    let table = Arc::clone(reader.snapshot().table("t").unwrap());
    assert_eq!(check(&table, &[probe(&table, "trace_id", id(2, 0, 50).into_bytes())]).await, (12, 0));
}

// breaks when a look-up reads footers, day lists or filters of days that do not have the id
#[tokio::test]
async fn a_look_up_in_a_year_reads_a_handful() {
    let world = World::new().await;
    world.load(0..365, 0).await;
    let reads = async |looked_up: &str| {
        let reader = world.reader().await;
        let table = Arc::clone(reader.snapshot().table("t").unwrap());
        let before = world.disk.operations(Operation::Read);
        let (days, found) = look_up(&table, looked_up).await;
        (days, found, world.disk.operations(Operation::Read) - before)
    };
    let (_, _, without) = reads(&id(200, 0, 5)).await;
    // a day list, a footer and a filter a day, and the column of the id
    assert!(without > 3 * 365, "{without} reads without id filters");
    world.compact().await;
    let mut wrong = 0;
    for day in (0..365).step_by(10) {
        let (days, found, with) = reads(&id(day, 0, 5)).await;
        assert_eq!(found.len(), 1, "{found:?}");
        // header and blocks of the filter; day list, footer and column of the day, and of one for which the filter is wrong
        assert_eq!(with, 2 + 3 * days, "{found:?}");
        wrong += days - 1;
    }
    assert!(wrong <= 37, "{wrong} days in 37 look-ups were read for nothing");
    let (days, found, with) = reads("none").await;
    assert_eq!((days, found, with), (0, BTreeSet::new(), 2));
}

/// Looks for an id as a scan does. Returns how many partitions were left to look at, and those that have it.
async fn look_up(table: &TableSnapshot, id: &str) -> (u64, BTreeSet<String>) {
    let probe = probe(table, "trace_id", id.as_bytes().to_vec());
    let partitions: Vec<_> = table.partitions().iter().collect();
    let answer = table.ask_ids(std::slice::from_ref(&probe), &partitions).await.unwrap();
    let (mut days, mut found) = (0, BTreeSet::new());
    for entry in partitions.into_iter().filter(|entry| answer.may_be_in(entry)) {
        days += 1;
        for meta in table.segments(entry.time_range()).await.unwrap() {
            let known = answer.row_groups(&meta).map(<[bool]>::to_vec);
            if known.as_ref().is_some_and(|row_groups| !row_groups.contains(&true)) {
                continue;
            }
            let reader = table.open_segment(&meta).await.unwrap();
            for row_group in 0..reader.row_groups() {
                let may = match &known {
                    Some(known) => known[row_group],
                    None => reader.may_contain(row_group, probe.column, id.as_bytes()).await.unwrap(),
                };
                if may {
                    let columns = reader.read_columns(row_group, &[probe.column]).await.unwrap();
                    let ids = columns[0].as_ref().unwrap();
                    let ids = arrow::array::AsArray::as_string_view(ids.as_ref());
                    if ids.iter().flatten().any(|found| found == id) {
                        found.insert(entry.key.clone());
                    }
                }
            }
        }
    }
    (days, found)
}

// breaks when the background covers what will be merged soon, or never anything
#[tokio::test]
async fn what_is_quiet_is_covered_by_itself() {
    let world = World::new().await;
    world.load(0..10, 0).await;
    world.storage.close().await.unwrap();
    let storage = World::open(&world.disk, &world.clock, true).await;
    let mut maintainer = Maintainer::new(&storage.core);
    let covered = || {
        let filters = storage.snapshot().table("t").unwrap().record().id_filters.clone();
        filters.iter().map(|filter| filter.segments).collect::<Vec<_>>()
    };
    maintainer.look_around(&storage.core).await;
    assert!(covered().is_empty(), "rows may come yet");
    world.clock.advance(HOUR * 2);
    maintainer.look_around(&storage.core).await;
    assert_eq!(covered(), [10, 10]);
    let version = storage.snapshot().version();
    maintainer.look_around(&storage.core).await;
    assert_eq!(storage.snapshot().version(), version, "once is enough");
}

// breaks when a day of too many ids for one filter is not covered, or taken for covered before all of it is
#[tokio::test]
async fn a_large_partition_lies_in_several_filters() {
    let world = World::new().await;
    for part in 0..7 {
        world.load(3..4, part).await;
    }
    world.load(4..6, 0).await;
    // each segment counts for 8 KiB: three of them fit
    let which = Which { bytes_max: 25 << 10, ..which(Thoroughness::Usual) };
    let core = &world.storage.core;
    let id = world.table().id();
    let column = world.table().schema().column("trace_id").unwrap().id;
    let mut known = Vec::new();
    while core.cover_column(id, column, &which, &mut std::collections::HashSet::new()).await.unwrap() {
        known.push(world.check().await.0);
        let table = world.table();
        let partitions: Vec<_> = table.partitions().iter().collect();
        let none = probe(&table, "trace_id", b"none".to_vec());
        let answer = table.ask_ids(&[none], &partitions).await.unwrap();
        let left_out = partitions.iter().filter(|entry| !answer.may_be_in(entry)).count();
        assert_eq!(left_out, [0, 0, 3].get(known.len() - 1).copied().unwrap_or(3), "{known:?}");
    }
    assert_eq!(known, [3, 6, 9]);
    assert!(core.cover_ids(id, &which).await.unwrap().is_empty());
    // one that is too large for any filter is said
    let which = Which { bytes_max: 1 << 10, ..which };
    world.load(9..10, 0).await;
    let origin = world.table().partitions().last().unwrap().origin().to_owned();
    assert_eq!(core.cover_ids(id, &which).await.unwrap(), std::collections::HashSet::from([origin]));
    world.compact().await;
    assert_eq!(world.check().await.1, 0);
    assert_eq!(world.storage.check(true).await.unwrap().findings, []);
}

// breaks when a flipped bit gives a wrong answer, or an error that does not say where
#[tokio::test]
async fn every_damaged_byte_is_found() {
    let world = World::new().await;
    world.load(0..9, 0).await;
    world.compact().await;
    let table = world.table();
    let filter = table.record().id_filters.first().unwrap().clone();
    let path = Path::from(filter.path());
    let good = world.disk.store().get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(good.len() as u64, filter.bytes);
    let step = good.len() / 97;
    for at in (0..64).chain((64..good.len()).step_by(step.max(1))) {
        let mut bad = good.to_vec();
        bad[at] ^= 0x10;
        world.disk.store().overwrite(&path, bad).await.unwrap();
        let findings = world.storage.check(true).await.unwrap().findings;
        assert_eq!(
            findings.iter().map(|found| found.object.clone()).collect::<Vec<_>>(),
            [filter.path()],
            "{at}"
        );
    }
    // what a look-up meets
    for (at, length) in
        [(30, good.len()), (filter.header_bytes as usize + 3, good.len()), (0, good.len() - 1)]
    {
        let mut bad = good[..length].to_vec();
        if length == good.len() {
            let end = if at < filter.header_bytes as usize { at + 1 } else { length };
            bad[at..end].iter_mut().for_each(|byte| *byte ^= 1);
        }
        world.disk.store().overwrite(&path, bad).await.unwrap();
        let reader = world.reader().await;
        let table = Arc::clone(reader.snapshot().table("t").unwrap());
        let partitions: Vec<_> = table.partitions().iter().collect();
        let mut errors = 0;
        for row in 0..200 {
            let probe = probe(&table, "trace_id", id(3, 0, row).into_bytes());
            if let Err(error) = table.ask_ids(&[probe], &partitions).await {
                assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
                assert!(error.message().starts_with(&filter.path()), "{error}");
                errors += 1;
            }
        }
        assert!(errors > 0, "{at} {length}");
    }
    world.disk.store().delete(&path).await.unwrap();
    let findings = world.storage.check(false).await.unwrap().findings;
    assert!(findings[0].problem.ends_with("it is missing"), "{findings:?}");
}

// breaks when an id filter goes that a version needs, or stays that none does
#[tokio::test]
async fn id_filters_come_and_go_with_their_segments() {
    let world = World::new().await;
    let stored = async || {
        world.clock.advance(HOUR * 2);
        world.storage.collect_garbage().await.unwrap();
        let listed: Vec<_> = futures::TryStreamExt::try_collect(object_store::ObjectStore::list(
            world.disk.store().as_ref(),
            Some(&Path::from("objects")),
        ))
        .await
        .unwrap();
        let listed: Vec<object_store::ObjectMeta> = listed;
        listed.len()
    };
    world.load(0..10, 0).await;
    world.compact().await;
    assert_eq!((world.id_filters(), stored().await), (2, 2));
    let held = world.table();
    world.load(10..20, 0).await;
    world.compact().await;
    assert_eq!((world.id_filters(), stored().await), (2, 4), "a snapshot holds those of before");
    assert_eq!(check(&held, &[probe(&held, "trace_id", id(4, 0, 1).into_bytes())]).await, (10, 0));
    drop(held);
    assert_eq!(stored().await, 2);
    // nothing is left of the first fifteen days
    let kept = (world.clock.now_ns() / DAY_NS - FIRST_DAY - 15) as u64;
    world.storage.set_retention("t", Some(Duration::from_secs(kept * 86_400))).await.unwrap();
    world.storage.apply_retention().await.unwrap();
    assert_eq!(world.check().await, (5, 0));
    world.compact().await;
    assert_eq!(
        world.table().record().id_filters.iter().map(|filter| filter.segments).collect::<Vec<_>>(),
        [5, 5]
    );
    let change = TableChange::DropColumn { name: "number".to_owned() };
    world.storage.alter_table("t", change).await.unwrap();
    assert_eq!((world.id_filters(), stored().await), (1, 1));
    world.storage.drop_table("t").await.unwrap();
    assert_eq!(stored().await, 0);
}
