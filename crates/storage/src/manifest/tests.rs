use std::collections::{BTreeMap, BTreeSet};

use object_store::memory::InMemory;

use super::*;
use crate::{
    ColumnType, Filtered, NamedObject, NewColumn, TableOptions, TableSchema, TableSpec, segment::SegmentMeta,
};

fn store() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

fn manifest(store: &Arc<dyn ObjectStore>) -> Manifest {
    Manifest::new(Arc::clone(store), 0)
}

fn segment(id: &str, rows: u64) -> Arc<SegmentMeta> {
    Arc::new(SegmentMeta {
        id: id.to_owned(),
        path: format!("data/t/date=2026-08-01/{id}.parquet"),
        partition: "2026-08-01".to_owned(),
        rows,
        bytes: 1_000,
        raw_bytes: 4_000,
        min_time: -5,
        max_time: 5,
        row_groups: 1,
        sort: vec![1],
        columns: vec![1, 2],
        tail_offset: 900,
        tail_crc32c: 17,
        file_crc32c: 18,
        created_at: 6,
        deletions: None,
    })
}

fn list() -> DayList {
    DayList {
        id: "L1".to_owned(),
        origin: None,
        table: 1,
        partition: "2026-08-01".to_owned(),
        segments: vec![segment("S1", 10), segment("S2", 20)],
    }
}

fn root(version: u64) -> Root {
    let spec = TableSpec {
        name: "t".to_owned(),
        columns: vec![NewColumn::time(), NewColumn::new("model", ColumnType::Text)],
        options: TableOptions::default(),
    };
    let table = TableRecord {
        id: 1,
        name: "t".to_owned(),
        schema: Arc::new(TableSchema::from_spec(&spec).unwrap()),
        retention: Some(std::time::Duration::from_secs(86_400)),
        promote_attributes: true,
        properties: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        filtered: BTreeSet::from([Filtered::Column(2), Filtered::Attribute("a.b".to_owned())]),
        flushed: 7,
        partitions: vec![list().entry()],
        id_filters: Vec::new(),
    };
    Root {
        version,
        database: "D1".to_owned(),
        writer_epoch: 3,
        created_at: 9,
        writer: None,
        log: None,
        next_table_id: 2,
        log_flushed: 7,
        tables: vec![Arc::new(table)],
        definitions: BTreeMap::from([(
            "view".to_owned(),
            BTreeMap::from([("v".to_owned(), "SELECT 1".to_owned())]),
        )]),
        objects: BTreeMap::from([(
            "baseline".to_owned(),
            BTreeMap::from([(
                "b".to_owned(),
                NamedObject { id: "O1".to_owned(), created_at: 4, bytes: 5, crc32c: 6 },
            )]),
        )]),
        backup_of: Some(8),
        log_copy: Some(LogCopy {
            epoch: 2,
            last: 9,
            files: vec![NamedObject { id: "O2".to_owned(), created_at: 4, bytes: 5, crc32c: 6 }],
        }),
    }
}

async fn bytes(store: &Arc<dyn ObjectStore>, path: &str) -> Vec<u8> {
    store.get(&Path::from(path)).await.unwrap().bytes().await.unwrap().to_vec()
}

async fn overwrite(store: &Arc<dyn ObjectStore>, path: &str, bytes: Vec<u8>) {
    store.put(&Path::from(path), bytes.into()).await.unwrap();
}

#[tokio::test]
async fn the_newest_root_is_the_one_with_the_highest_number() {
    // breaks when roots are ordered as text, or when other objects in the folder confuse the listing
    let store = store();
    let manifest = manifest(&store);
    assert_eq!(manifest.newest().await.unwrap(), None);
    for version in [9, 10, 2] {
        manifest.create(&root(version)).await.unwrap();
    }
    overwrite(&store, "manifest/99.json", vec![1]).await;
    overwrite(&store, "manifest/00000000000000000099.json.tmp", vec![1]).await;
    manifest.put_day_list(list()).await.unwrap();
    assert_eq!(manifest.newest().await.unwrap(), Some(root(10)));
}

#[tokio::test]
async fn a_root_is_created_once() {
    // breaks when two writers could both believe that they made a version
    let store = store();
    let manifest = manifest(&store);
    manifest.create(&root(1)).await.unwrap();
    let error = manifest.create(&Root { created_at: 10, ..root(1) }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("manifest/00000000000000000001.json"), "{error}");
    assert_eq!(manifest.newest().await.unwrap(), Some(root(1)));
}

#[tokio::test]
async fn every_flipped_byte_of_a_root_is_noticed_or_harmless() {
    // breaks when a byte of the envelope or the body is neither covered by the checksum nor of fixed spelling
    let store = store();
    let manifest = manifest(&store);
    manifest.create(&root(1)).await.unwrap();
    let path = paths::root(1);
    let good = bytes(&store, &path).await;
    for offset in 0..good.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[offset] ^= flip;
            overwrite(&store, &path, bad).await;
            let error =
                manifest.newest().await.expect_err("one spelling of the frame, a checksum over the body");
            assert_eq!(error.kind(), ErrorKind::Corrupted, "offset {offset}");
            assert!(error.message().contains(&path), "{error}");
        }
    }
    for length in 0..good.len() {
        overwrite(&store, &path, good[..length].to_vec()).await;
        assert_eq!(manifest.newest().await.unwrap_err().kind(), ErrorKind::Corrupted, "cut at {length}");
    }
}

#[tokio::test]
async fn every_flipped_byte_of_a_day_list_is_noticed() {
    // as above, for the second level
    let store = store();
    let manifest = manifest(&store);
    let entry = manifest.put_day_list(list()).await.unwrap();
    assert_eq!((entry.rows, entry.segments, entry.min_time, entry.max_time), (30, 2, -5, 5));
    assert_eq!(*manifest.day_list(1, &entry).await.unwrap(), list());
    let path = paths::day_list("L1");
    let good = bytes(&store, &path).await;
    for offset in 0..good.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[offset] ^= flip;
            overwrite(&store, &path, bad).await;
            let error = manifest.read_day_list(1, &entry).await.expect_err("as for a root");
            assert_eq!(error.kind(), ErrorKind::Corrupted, "offset {offset}");
            assert!(error.message().contains(&path), "{error}");
        }
    }
}

#[tokio::test]
async fn a_newer_format_is_refused_and_says_what_to_do() {
    // breaks when what a newer program wrote is called damaged, or read as if it were of today
    let store = store();
    let manifest = manifest(&store);
    manifest.create(&root(1)).await.unwrap();
    let entry = manifest.put_day_list(list()).await.unwrap();
    for path in [paths::root(1), paths::day_list("L1")] {
        let written = String::from_utf8(bytes(&store, &path).await).unwrap();
        assert!(written.starts_with("{\"format\":1,\"crc32c\":\""), "{written}");
        for (number, kind) in
            [("2", ErrorKind::Invalid), ("17", ErrorKind::Invalid), ("0", ErrorKind::Corrupted)]
        {
            // nothing but the beginning is known of it
            let other = format!("{{\"format\":{number},\"crc32c\":\"and what it likes");
            overwrite(&store, &path, other.into_bytes()).await;
            let error = match path == paths::root(1) {
                true => manifest.newest().await.unwrap_err(),
                false => manifest.read_day_list(1, &entry).await.unwrap_err(),
            };
            assert_eq!(error.kind(), kind, "{error}");
            if kind == ErrorKind::Invalid {
                let sentence = "this program reads up to format 1: open it with a newer driftline";
                assert_eq!(error.message(), format!("{path} has format {number}, {sentence}"));
            }
        }
    }
}

#[tokio::test]
async fn a_day_list_in_the_place_of_another_is_noticed() {
    // breaks when a list that is whole but of another table, partition or version would be believed
    let store = store();
    let manifest = manifest(&store);
    let entry = manifest.put_day_list(list()).await.unwrap();
    for (table, wrong) in [
        (2, entry.clone()),
        (1, PartitionEntry { key: "2026-08-02".to_owned(), ..entry.clone() }),
        (1, PartitionEntry { rows: 31, ..entry.clone() }),
        (1, PartitionEntry { max_time: 6, ..entry.clone() }),
    ] {
        let error = manifest.read_day_list(table, &wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
    }
    let missing = PartitionEntry { list: "L2".to_owned(), ..entry };
    let error = manifest.read_day_list(1, &missing).await.unwrap_err();
    assert_eq!(error.message(), "manifest/days/L2.json is damaged: it is missing");
}

#[test]
fn roots_that_break_a_rule_are_refused() {
    // breaks when a rule is lost: each case breaks exactly one
    let change = |change: fn(&mut TableRecord)| {
        let mut root = root(1);
        change(root.table_mut(1).unwrap());
        root
    };
    let twice = Root { next_table_id: 3, tables: vec![Arc::clone(&root(1).tables[0]); 2], ..root(1) };
    let cases = [
        (root(1), Ok(())),
        (twice, Err("two tables are named \"t\"")),
        (change(|table| table.id = 2), Err("table \"t\" has the wrong id 2")),
        (change(|table| table.flushed = 6), Err("table \"t\" needs positions of the log that are given up")),
        (
            change(|table| table.partitions.push(PartitionEntry { list: "L2".to_owned(), ..list().entry() })),
            Err("the partitions of table \"t\" are not in order"),
        ),
        (
            change(|table| table.partitions[0].segments = 0),
            Err("partition 2026-08-01 of table \"t\" is empty"),
        ),
    ];
    for (root, expected) in cases {
        assert_eq!(invariants::check_root(&root), expected.map_err(str::to_owned));
    }
}
