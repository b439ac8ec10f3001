//! The embedded API: limits, snapshots, telemetry, files, what EXPLAIN ANALYZE says of pruning.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use driftline::{Database, Encoding, ErrorKind, FileAccess, Signal};
use driftline_tests::display_rows;
use futures::TryStreamExt;
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z
const START_NS: i64 = 1_767_225_600_000_000_000;
const DAY_NS: i64 = 86_400_000_000_000;

async fn text(database: &Database, sql: &str) -> Result<String> {
    let mut rows = vec![];
    for batch in database.sql(sql).await?.collect().await? {
        rows.extend(display_rows(&batch)?.into_iter().map(|row| row.join(" ")));
    }
    Ok(rows.join("\n"))
}

/// `rows` rows a day over ten days, one append and one flush a day.
async fn ten_days(dir: &TempDir, rows: i64) -> Result<Database> {
    let database = Database::builder(dir.path().join("db")).target_partitions(2).open().await?;
    database.sql("CREATE TABLE t (time TIMESTAMP NOT NULL, id TEXT, n BIGINT) WITH (sort = 'n, time', bloom = 'id')").await?;
    for day in 0..10 {
        database.append("t", day_batch(day, rows)?).await?;
        database.flush().await?;
    }
    Ok(database)
}

fn day_batch(day: i64, rows: i64) -> Result<RecordBatch> {
    let times = (0..rows).map(|row| START_NS + day * DAY_NS + row);
    let columns: [(&str, ArrayRef); 3] = [
        ("time", Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC"))),
        (
            "id",
            Arc::new(StringArray::from_iter_values(
                (0..rows).map(|row| format!("{:08x}", (day * rows + row) * 7919 % 1_000_003)),
            )),
        ),
        ("n", Arc::new(Int64Array::from_iter_values((0..rows).map(|row| day * rows + row)))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// How many files lie below a directory.
fn files_below(directory: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        files += if path.is_dir() { files_below(&path)? } else { 1 };
    }
    Ok(files)
}

/// The number behind a metric in the text of EXPLAIN ANALYZE, summed over partitions by DataFusion.
fn metric(plan: &str, name: &str) -> u64 {
    let start =
        plan.find(&format!("{name}=")).unwrap_or_else(|| panic!("no {name} in {plan}")) + name.len() + 1;
    let digits: String = plan[start..].chars().take_while(|c| c.is_ascii_digit()).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number behind {name} in {plan}"))
}

/// Breaks when days, row groups by statistics or row groups by bloom filter are no longer left out, or a second query decodes again.
#[tokio::test(flavor = "multi_thread")]
async fn explain_analyze_says_what_was_left_out() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = ten_days(&dir, 100).await?;

    let plan = text(&database, "EXPLAIN ANALYZE SELECT n FROM t WHERE time >= '2026-01-08'").await?;
    assert_eq!(
        (metric(&plan, "partitions_total"), metric(&plan, "partitions_pruned_time")),
        (10, 7),
        "{plan}"
    );
    assert!(!plan.contains("FilterExec"), "{plan}");

    let plan = text(&database, "EXPLAIN ANALYZE SELECT id FROM t WHERE n BETWEEN 310 AND 320").await?;
    assert_eq!(
        (metric(&plan, "row_groups_total"), metric(&plan, "row_groups_pruned_statistics")),
        (10, 9),
        "{plan}"
    );
    assert_eq!(metric(&plan, "rows_pruned_filter"), 89, "{plan}");
    assert!(metric(&plan, "bytes_scanned") > 0, "{plan}");

    let plan = text(&database, "EXPLAIN ANALYZE SELECT n FROM t WHERE id = '0000ffff'").await?;
    let out = metric(&plan, "row_groups_pruned_statistics") + metric(&plan, "row_groups_pruned_bloom");
    assert!(out >= 9, "{plan}");

    let plan = text(&database, "EXPLAIN ANALYZE SELECT id FROM t WHERE n BETWEEN 310 AND 320").await?;
    assert_eq!((metric(&plan, "cache_misses"), metric(&plan, "bytes_scanned")), (0, 0), "{plan}");
    assert!(metric(&plan, "cache_hits") >= 2, "{plan}");
    assert!(database.cache_status().bytes > 0);

    // the newest rows come first, and their bound leaves out the older days
    let plan = text(&database, "EXPLAIN ANALYZE SELECT n FROM t ORDER BY time DESC LIMIT 5").await?;
    assert!(metric(&plan, "row_groups_pruned_dynamic") >= 7, "{plan}");
    Ok(())
}

/// Breaks when a look-up by id touches days whose id filter says no, leaves out one that it does not know, or asks twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_looked_up_where_it_is() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = ten_days(&dir, 100).await?;
    let id = |number: i64| format!("{:08x}", number * 7919 % 1_000_003);
    let counts = async |condition: &str| -> Result<[u64; 6]> {
        let plan = text(&database, &format!("EXPLAIN ANALYZE SELECT n FROM t WHERE {condition}")).await?;
        let names = ["partitions_pruned_ids", "segments_total", "segments_pruned_ids", "row_groups_total"];
        let [a, b, c, d] = names.map(|name| metric(&plan, name));
        let asked = metric(&plan, "row_groups_pruned_bloom") + metric(&plan, "row_groups_pruned_statistics");
        Ok([a, b, c, d, metric(&plan, "row_groups_pruned_ids"), asked])
    };
    let one = format!("id = '{}'", id(310));
    assert_eq!(counts(&one).await?, [0, 10, 0, 10, 0, 9]);
    database.sql("COMPACT t").await?;
    assert_eq!(counts(&one).await?, [9, 1, 0, 1, 0, 0]);
    assert_eq!(text(&database, &format!("SELECT n FROM t WHERE {one}")).await?, "310");
    assert_eq!(counts("id = 'none'").await?, [10, 0, 0, 0, 0, 0]);
    let two = format!("id IN ('{}', '{}', 'none')", id(5), id(999));
    assert_eq!(counts(&two).await?, [8, 2, 0, 2, 0, 0]);
    assert_eq!(text(&database, &format!("SELECT n FROM t WHERE {two} ORDER BY n")).await?, "5\n999");
    assert_eq!(counts(&format!("{one} AND time < '2026-01-03'")).await?, [2, 0, 0, 0, 0, 0]);
    // rows that come late are found by their own filter, and what was there is still known
    database.append("t", day_batch(3, 300)?.slice(200, 100)).await?;
    database.flush().await?;
    assert_eq!(counts(&format!("id = '{}'", id(3 * 300 + 250))).await?, [9, 2, 1, 2, 1, 0]);
    assert_eq!(counts(&one).await?, [9, 2, 0, 2, 0, 1]);
    assert_eq!(text(&database, &format!("SELECT n FROM t WHERE {one}")).await?, "310");
    Ok(())
}

/// Breaks when a count comes from statistics that leave out rows, or when an order is promised that does not hold.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_answers_only_what_it_knows() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = ten_days(&dir, 50).await?;
    database.append("t", day_batch(4, 50)?).await?;
    let plan = text(&database, "EXPLAIN SELECT count(*), min(time), max(time) FROM t").await?;
    assert!(plan.contains("PlaceholderRowExec"), "{plan}");
    assert_eq!(text(&database, "SELECT count(*) FROM t").await?, "550");
    assert_eq!(text(&database, "SELECT count(*) FROM t WHERE n >= 0").await?, "550");
    assert_eq!(text(&database, "SELECT count(*) FROM t WHERE time < '2026-01-02'").await?, "50");
    Ok(())
}

/// Breaks when an order that segments have is not used, or used although rows in memory do not have it.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_promised_only_where_it_holds() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = Database::builder(dir.path().join("db")).target_partitions(2).open().await?;
    database.sql("CREATE TABLE t (time TIMESTAMP NOT NULL, id TEXT, n BIGINT)").await?;
    for day in [3, 1, 2, 0] {
        database.append("t", day_batch(day, 20)?).await?;
        database.flush().await?;
    }
    let sql = "SELECT n FROM t ORDER BY time";
    let sorted: Vec<String> = (0..80).map(|n| n.to_string()).collect();
    let plan = text(&database, &format!("EXPLAIN {sql}")).await?;
    assert!(!plan.contains("SortExec"), "{plan}");
    assert_eq!(text(&database, sql).await?, sorted.join("\n"));
    assert_eq!(text(&database, &format!("{sql} LIMIT 3 OFFSET 19")).await?, "19\n20\n21");

    database.append("t", day_batch(1, 20)?).await?;
    let plan = text(&database, &format!("EXPLAIN {sql}")).await?;
    assert!(plan.contains("SortExec"), "{plan}");
    assert_eq!(
        text(&database, "SELECT count(*) FROM (SELECT n FROM t ORDER BY time LIMIT 1000)").await?,
        "100"
    );
    Ok(())
}

/// Breaks when a query reads rows that were acknowledged after it began, or when tables of one query come from two moments.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_sees_one_moment() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = ten_days(&dir, 10).await?;
    let before = database.sql("SELECT a.n FROM t a LEFT JOIN t b ON a.n = b.n").await?;
    database.append("t", day_batch(11, 10)?).await?;
    database.flush().await?;
    database.sql("DROP TABLE t").await?;
    let rows: usize = before.collect().await?.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 100);
    Ok(())
}

/// Breaks when a query runs on past its deadline, or past its memory.
#[tokio::test(flavor = "multi_thread")]
async fn limits_end_a_query() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database =
        Database::builder(dir.path().join("db")).query_timeout(Duration::from_millis(1)).open().await?;
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b";
    let error = match database.sql(endless).await {
        Ok(stream) => stream.collect().await.expect_err("a minute is longer than a millisecond"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(error.to_string().contains("longer than its limit of 1ms"), "{error}");

    let dir = tempfile::tempdir()?;
    let database = Database::builder(dir.path().join("db"))
        .memory_limit(2 * 1024 * 1024)
        .target_partitions(1)
        .open()
        .await?;
    let error = database
        .sql("SELECT array_agg(a.value::text || repeat('x', 1000)) FROM generate_series(1, 100000) a GROUP BY a.value % 2")
        .await?
        .collect()
        .await
        .expect_err("100 MB do not fit into 2 MiB");
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    // 8 bytes a value of an exact drift function count, too
    for sql in [
        "SELECT psi(value, value % 2 = 0) FROM generate_series(1, 1000000)",
        "SELECT ks_test(value, value % 2 = 0) FROM generate_series(1, 1000000)",
        "SELECT psi(value, value % 2 = 0) FROM generate_series(1, 1000000) GROUP BY value > 0",
    ] {
        let error = database.sql(sql).await?.collect().await.expect_err("8 MB do not fit into 2 MiB");
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{sql}: {error}");
    }
    Ok(())
}

/// Breaks when the limit of exact drift functions does not reach them, or a larger group needs memory for each of its values.
#[tokio::test]
async fn past_the_limit_of_exact_functions_memory_does_not_grow() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = Database::builder(dir.path().join("db"))
        // the values of the two functions would take 16 MB
        .memory_limit(8 * 1024 * 1024)
        .target_partitions(2)
        .exact_max_rows(10_000)
        .open()
        .await?;
    for group_by in ["", "GROUP BY value > 0"] {
        let sql = format!(
            "SELECT psi_detail(value, value % 2 = 0)['method'] || ' ' || ks_test(value, value % 2 = 0)['method'] \
             FROM generate_series(1, 1000000) {group_by}"
        );
        let answer = database.sql(&sql).await?.collect().await?;
        let answer: Vec<_> = answer.iter().filter(|batch| batch.num_rows() > 0).collect();
        assert_eq!(answer.len(), 1, "{group_by}");
        assert_eq!(display_rows(answer[0])?, [["buckets bounds"]], "{group_by}");
    }
    Ok(())
}

/// Breaks when a sort larger than its memory fails instead of spilling, spills elsewhere than beside the data, or what a killed
/// process spilled stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_sort_spills() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let leftover = dir.path().join("db").join("spill").join("datafusion-of-a-killed-process");
    std::fs::create_dir_all(&leftover)?;
    std::fs::write(leftover.join("rows"), "spilled")?;
    let database = Database::builder(dir.path().join("db"))
        .memory_limit(24 * 1024 * 1024)
        .target_partitions(1)
        .open()
        .await?;
    let sql = "SELECT value, lpad(CAST(value AS TEXT), 100, '0') AS pad FROM generate_series(1, 300000) ORDER BY pad DESC";
    assert!(!leftover.exists(), "the place is emptied at open");
    let mut answer = database.sql(sql).await?;
    let _first = answer.try_next().await?;
    assert!(files_below(&dir.path().join("db").join("spill"))? > 0, "the sorted runs lie beside the data");
    drop(answer);
    let rows = text(&database, sql).await?;
    let values: Vec<&str> = rows.lines().filter_map(|row| row.split(' ').next()).collect();
    assert_eq!((values.len(), values[0], values[299_999]), (300_000, "300000", "1"));
    let plan = text(&database, &format!("EXPLAIN ANALYZE {sql}")).await?;
    assert!(metric(&plan, "spill_count") > 0, "{plan}");
    Ok(())
}

/// Breaks when SQL can reach the file system although it was refused, or cannot although it was allowed.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_reached_only_where_allowed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("rows.parquet");
    let database = ten_days(&dir, 10).await?;
    let copy = format!("COPY (SELECT time, n FROM t) TO '{}'", file.display());
    let read = format!("SELECT count(*) FROM '{}'", file.display());
    let external = format!("CREATE EXTERNAL TABLE outside STORED AS PARQUET LOCATION '{}'", file.display());
    database.sql(&copy).await?.collect().await?;
    assert_eq!(text(&database, &read).await?, "100");
    database.sql(&external).await?;
    assert_eq!(text(&database, "SELECT count(*) FROM outside").await?, "100");
    database.sql("DROP TABLE outside").await?;
    assert!(database.sql("SELECT * FROM outside").await.is_err());
    database.close().await?;

    let database = Database::builder(dir.path().join("db")).file_access(FileAccess::Refused).open().await?;
    for sql in [
        copy.clone(),
        read,
        external,
        format!("EXPLAIN {copy}"),
        format!("CREATE VIEW v AS SELECT * FROM '{}'", file.display()),
    ] {
        let error = database.sql(&sql).await.expect_err(&sql);
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{sql}: {error}");
        assert!(error.to_string().contains("not allowed"), "{sql}: {error}");
    }
    Ok(())
}

/// Breaks when telemetry does not become rows, or when what was rejected is not counted.
#[tokio::test(flavor = "multi_thread")]
async fn telemetry_becomes_rows() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = Database::open(dir.path().join("db")).await?;
    let body = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"bot"}}]},"scopeSpans":[{"spans":[
        {"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"chat","kind":3,"startTimeUnixNano":"1767225600000000000",
         "endTimeUnixNano":"1767225600250000000","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},
         {"key":"gen_ai.request.model","value":{"stringValue":"m"}},{"key":"app.tier","value":{"stringValue":"gold"}}]}]}]}]}"#;
    let report = database.ingest_otlp(Signal::Traces, Encoding::Json, body).await?;
    assert_eq!((report.accepted, report.rejected.len()), (1, 0));
    for _ in 0..2 {
        assert_eq!(
            text(&database, "SELECT service_name, name, duration_ns FROM spans").await?,
            "bot chat 250000000"
        );
        assert_eq!(
            text(&database, "SELECT model, duration_ms, is_error FROM llm_calls").await?,
            "m 250.0 false"
        );
        database.flush().await?;
    }
    assert_eq!(text(&database, "SELECT outcome, count FROM driftline.ingest_stats").await?, "accepted 1");
    let error = database.ingest_otlp(Signal::Traces, Encoding::Json, b"{").await.expect_err("no OTLP");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    Ok(())
}

/// Breaks when rows of a bulk load show before they are committed, or an INSERT that outgrows the log is not all or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn large_writes_are_all_or_nothing() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = ten_days(&dir, 10).await?;
    let mut load = database.bulk_load("t")?;
    load.push(day_batch(20, 1000)?).await?;
    assert_eq!(text(&database, "SELECT count(*) FROM t").await?, "100");
    load.commit().await?;
    assert_eq!(text(&database, "SELECT count(*) FROM t").await?, "1100");

    let many = "SELECT to_timestamp_nanos(1767225600000000000 + value), repeat('x', 200), value FROM generate_series(1, 200000)";
    let error =
        database.sql(&format!("INSERT INTO t {many} UNION ALL SELECT now(), 'y', 1 / (SELECT 0)")).await;
    let error = match error {
        Ok(stream) => stream.collect().await.err(),
        Err(error) => Some(error),
    };
    assert!(error.is_some(), "a division by zero");
    assert_eq!(text(&database, "SELECT count(*) FROM t").await?, "1100");
    let batches = database.sql(&format!("INSERT INTO t {many}")).await?.collect().await?;
    assert_eq!(batches[0].column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0), 200_000);
    assert_eq!(text(&database, "SELECT count(*) FROM t").await?, "201100");
    Ok(())
}

/// Breaks when a closed database still answers, or a second writer gets in.
#[tokio::test(flavor = "multi_thread")]
async fn one_writer_until_it_is_closed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = Database::open(dir.path()).await?;
    let error = Database::open(dir.path()).await.expect_err("it is open");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    database.close().await?;
    assert_eq!(database.sql("SELECT 1").await.expect_err("closed").kind(), ErrorKind::Closed);
    assert_eq!(database.flush().await.expect_err("closed").kind(), ErrorKind::Closed);
    Database::open(dir.path()).await?.close().await?;
    Ok(())
}
