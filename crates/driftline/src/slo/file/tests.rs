//! What is written is read, by the query that counted it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::counts::{Counts, Events};
use super::super::store::Partition;
use super::{read, write};

#[test]
fn counts_are_read_as_they_were_written() {
    let mut counts = Counts::default();
    counts.add(&[Some("a".to_owned()), None], -3, Events { good: 1, bad: 2, unknown: 3 });
    counts.add(
        &[None, Some(String::new())],
        i64::from(i32::MAX),
        Events { good: i64::MAX / 4, bad: 0, unknown: 0 },
    );
    let partition = Partition {
        list: "list".to_owned(),
        segments: ["one".to_owned(), "two".to_owned()].into(),
        counts: Arc::new(counts.clone()),
    };
    let empty = Partition { list: "empty".to_owned(), ..Partition::default() };
    let partitions = BTreeMap::from([("2026-01-01".to_owned(), partition), ("2026-01-02".to_owned(), empty)]);
    let content = write("query", &partitions).expect("it is written");
    let again = read(&content, "query").expect("it is the same query");
    assert_eq!(again.len(), 2);
    assert_eq!(*again["2026-01-01"].counts, counts);
    assert_eq!(again["2026-01-01"].segments, partitions["2026-01-01"].segments);
    assert_eq!((again["2026-01-02"].list.as_str(), again["2026-01-02"].segments.len()), ("empty", 0));
    assert!(read(&content, "another query").is_none());
    assert!(read(&content[..content.len() / 2], "query").is_none());
    assert!(read(b"", "query").is_none());
}
