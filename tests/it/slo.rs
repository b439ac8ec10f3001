//! Service-level objectives against a plain count: whatever came late, was deleted, flushed, merged or read again after a
//! restart.

use std::path::Path;

use anyhow::Result;
use driftline::Database;
use driftline_tests::display_rows;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WINDOWS: [(&str, i64); 8] = [
    ("burn_rate_5m", 5),
    ("burn_rate_30m", 30),
    ("burn_rate_1h", 60),
    ("burn_rate_2h", 120),
    ("burn_rate_6h", 360),
    ("burn_rate_24h", 1_440),
    ("burn_rate_3d", 4_320),
    ("burn_rate_period", 28_800),
];
/// 2026-01-01T00:00:00Z, in minutes since 1970.
const START_MINUTE: i64 = 29_453_760;
/// The rows are of so many minutes: 25 days.
const MINUTES: i64 = 36_000;

async fn open(path: &Path) -> Result<Database> {
    Ok(Database::builder(path).target_partitions(2).open().await?)
}

async fn rows(database: &Database, sql: &str) -> Result<Vec<Vec<String>>> {
    let mut rows = vec![];
    for batch in database.sql(sql).await?.collect().await? {
        rows.extend(display_rows(&batch)?);
    }
    Ok(rows)
}

/// A minute as SQL.
fn at(minute: i64) -> String {
    format!("CAST(to_timestamp({}) AS TIMESTAMP)", minute * 60)
}

/// Some events, most of them young, some as old as any, a few without a verdict or a group.
async fn insert(database: &Database, random: &mut ChaCha8Rng, now: i64) -> Result<()> {
    let values: Vec<String> = (0..random.random_range(1..120))
        .map(|_| {
            let minute = match random.random_range(0..4) {
                0 => START_MINUTE + random.random_range(0..now),
                _ => START_MINUTE + (now - random.random_range(0..90)).max(0),
            };
            let ns = random.random_range(0..60_000_000_000_i64);
            let service = ["'a'", "'b'", "NULL"][random.random_range(0..3)];
            let ok = ["true", "true", "true", "false", "NULL"][random.random_range(0..5)];
            format!("(to_timestamp_nanos({}), {service}, {ok})", minute * 60_000_000_000 + ns)
        })
        .collect();
    database.sql(&format!("INSERT INTO calls VALUES {}", values.join(", "))).await?.collect().await?;
    Ok(())
}

/// Some events go again: those of a service in some minutes, or a share of all.
async fn delete(database: &Database, random: &mut ChaCha8Rng, now: i64) -> Result<()> {
    let from = START_MINUTE + random.random_range(0..now);
    let to = from + random.random_range(1..600);
    let condition = match random.random_range(0..3) {
        0 => format!("time >= {} AND time < {}", at(from), at(to)),
        1 => format!("service = 'a' AND time < {}", at(from)),
        _ => format!("CAST(time AS BIGINT) % {} = 0", random.random_range(3..9)),
    };
    database.sql(&format!("DELETE FROM calls WHERE {condition}")).await?.collect().await?;
    Ok(())
}

/// Every window of every group, by one plain query.
async fn counted(database: &Database, end: i64, slice: bool) -> Result<Vec<Vec<String>>> {
    let windows: Vec<String> =
        WINDOWS.iter().map(|(name, minutes)| format!("('{name}', {minutes})")).collect();
    let events = match slice {
        false => "SELECT time, service, ok FROM calls",
        true => {
            "SELECT date_bin(INTERVAL '15 minutes', time) AS time, service, avg(CASE WHEN ok THEN 1.0 ELSE 0.0 END) >= 0.75 AS ok \
             FROM calls WHERE ok IS NOT NULL GROUP BY 1, 2"
        }
    };
    let sql = format!(
        "SELECT coalesce(service, 'NULL'), name, CAST(round(slo_burn_rate(ok, 0.9), 9) AS TEXT) FROM ({events}) AS events \
         CROSS JOIN (VALUES {}) AS windows (name, minutes) \
         WHERE time < {end} AND time >= to_timestamp({seconds} - minutes * 60) GROUP BY 1, 2 ORDER BY 1, 2",
        windows.join(", "),
        end = at(end),
        seconds = end * 60
    );
    // a window without events has no row there, and NULL here
    Ok(rows(database, &sql).await?.into_iter().filter(|row| row[2] != "NULL").collect())
}

async fn status(database: &Database, slo: &str, end: i64) -> Result<Vec<Vec<String>>> {
    let windows: Vec<String> = WINDOWS
        .iter()
        .map(|(name, _)| {
            format!(
                "SELECT replace(group_key, 'service=', '') AS g, '{name}' AS name, CAST(round({name}, 9) AS TEXT) AS burn \
                 FROM slo_status('{slo}', {})",
                at(end)
            )
        })
        .collect();
    let sql =
        format!("SELECT * FROM ({}) AS w WHERE burn IS NOT NULL ORDER BY 1, 2", windows.join(" UNION ALL "));
    rows(database, &sql).await
}

// breaks when a late row, a deletion, a flush, a merge of segments or a restart changes what is counted otherwise than in the rows, or a window is off by a minute
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_is_a_plain_count() -> Result<()> {
    for seed in 0..2 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let dir = tempfile::tempdir()?;
        let mut database = open(dir.path()).await?;
        for sql in [
            "CREATE TABLE calls (time TIMESTAMP NOT NULL, service TEXT, ok BOOLEAN)",
            "CREATE SLO events ON calls GOOD WHEN ok OBJECTIVE 0.9 WINDOW '20 days' GROUP BY service",
            "CREATE SLO joined ON (SELECT c.time, c.service, c.ok FROM calls c CROSS JOIN (VALUES (1)) AS one (n)) \
             GOOD WHEN ok OBJECTIVE 0.9 WINDOW '20 days' GROUP BY service",
            "CREATE SLO slices ON calls GOOD WHEN ok OBJECTIVE 0.9 WINDOW '20 days' TIMESLICES '15 minutes' TARGET 0.75 GROUP BY service",
        ] {
            database.sql(sql).await?.collect().await?;
        }
        let mut now = 1_000;
        for step in 0..40 {
            now = (now + random.random_range(0..1_200)).min(MINUTES - 1);
            insert(&database, &mut random, now).await?;
            match random.random_range(0..8) {
                0 | 1 => drop(database.flush().await?),
                3 => delete(&database, &mut random, now).await?,
                2 => {
                    database.close().await?;
                    database = open(dir.path()).await?;
                }
                _ => {}
            }
            if random.random_range(0..4) == 0 {
                let end = START_MINUTE + random.random_range(0..now + 60);
                let expected = counted(&database, end, false).await?;
                assert_eq!(status(&database, "events", end).await?, expected, "seed {seed}, step {step}");
                assert_eq!(status(&database, "joined", end).await?, expected, "seed {seed}, step {step}");
                let end = end.div_euclid(15) * 15;
                let expected: Vec<Vec<String>> = counted(&database, end, true).await?;
                // a window shorter than a slice has no verdict
                let expected: Vec<_> = expected.into_iter().filter(|row| row[1] != "burn_rate_5m").collect();
                assert_eq!(status(&database, "slices", end).await?, expected, "seed {seed}, step {step}");
            }
        }
        database.close().await?;
    }
    Ok(())
}

// breaks when counts are not written, or not read: then the segments are read again
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_counts_nothing_again() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = open(dir.path()).await?;
    database
        .sql("CREATE TABLE calls (time TIMESTAMP NOT NULL, service TEXT, ok BOOLEAN)")
        .await?
        .collect()
        .await?;
    let create =
        "CREATE OR REPLACE SLO events ON calls GOOD WHEN ok OBJECTIVE 0.9 WINDOW '20 days' GROUP BY service";
    database.sql(create).await?.collect().await?;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for now in [1_000, 3_000, 20_000] {
        insert(&database, &mut random, now).await?;
        database.flush().await?;
    }
    let before = status(&database, "events", START_MINUTE + 20_001).await?;
    assert!(!before.is_empty());
    database.close().await?;

    let database = open(dir.path()).await?;
    assert_eq!(status(&database, "events", START_MINUTE + 20_001).await?, before);
    let cache = database.cache_status();
    assert_eq!((cache.hits, cache.misses), (0, 0), "no column was read");
    // what is new is counted, and what another objective says is counted anew
    insert(&database, &mut random, 20_000).await?;
    database.flush().await?;
    let expected = counted(&database, START_MINUTE + 20_001, false).await?;
    assert_eq!(status(&database, "events", START_MINUTE + 20_001).await?, expected);
    database.sql(&create.replace("GOOD WHEN ok", "GOOD WHEN NOT ok")).await?.collect().await?;
    assert_ne!(status(&database, "events", START_MINUTE + 20_001).await?, expected);
    database.sql("DROP SLO events").await?.collect().await?;
    assert_eq!(database.storage().snapshot().objects("slo_counts").count(), 0);
    Ok(())
}
