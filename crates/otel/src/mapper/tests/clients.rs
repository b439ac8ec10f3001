//! The bodies that real clients sent, in `tests/data/otlp`.

use std::path::PathBuf;

use super::schema::tables;
use crate::{Encoding, Mapper, Signal, detect};

/// Every captured body with its path below the data folder.
pub(super) fn bodies() -> Vec<(String, Vec<u8>)> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/otlp"));
    let entries = |path: &PathBuf| {
        let entries = std::fs::read_dir(path).expect("the data folder is part of the repository");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
        paths.sort();
        paths
    };
    let clients = entries(&root).into_iter().filter(|path| path.is_dir());
    let files = clients.flat_map(|client| entries(&client));
    files
        .map(|file| {
            let name = file.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
            (name, std::fs::read(&file).expect("readable"))
        })
        .collect()
}

// breaks when an item of a real client is refused or moved, or a body is taken for another signal
#[test]
fn every_body_of_a_real_client_lands_whole() {
    let mapper = Mapper::new(tables()).expect("the shipped tables fit");
    let mut rows = 0;
    for (name, body) in bodies() {
        let expected = match () {
            () if name.contains("traces") => Signal::Traces,
            () if name.contains("metrics") => Signal::Metrics,
            () => Signal::Logs,
        };
        let encoding = if name.ends_with(".json") { Encoding::Json } else { Encoding::Protobuf };
        assert_eq!(detect("body", &body), Some((expected, encoding)), "{name}");
        let mapped = mapper.decode(expected, encoding, &body).expect("a real body");
        assert!(mapped.rejected.is_empty() && mapped.moved.is_empty(), "{name}: {mapped:?}");
        rows += mapped.accepted;
    }
    // 25 spans, 12 log records, 115 data points
    assert_eq!(rows, 152);
}
