//! Alerts over a clock that only the test moves: they fire, survive a restart, catch up, and are never silent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use driftline::storage::testing::ManualClock;
use driftline::{AlertEvent, AlertHealth, Database, ErrorKind, SeriesState, SessionSettings, TableFilter};
use driftline_tests::display_rows;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z
const START_NS: i64 = 1_767_225_600_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);
const MINUTE_NS: i64 = 60_000_000_000;

async fn open(path: &Path, clock: &Arc<ManualClock>) -> Result<Database> {
    Ok(Database::builder(path).clock(Arc::clone(clock) as _).target_partitions(2).open().await?)
}

async fn fresh() -> Result<(TempDir, Arc<ManualClock>, Database)> {
    let folder = tempfile::tempdir()?;
    let clock = Arc::new(ManualClock::new(START_NS));
    let database = open(folder.path(), &clock).await?;
    database.sql("CREATE TABLE calls (time TIMESTAMP NOT NULL, service TEXT, ms DOUBLE)").await?;
    Ok((folder, clock, database))
}

/// A call, so many minutes after the start.
async fn call(database: &Database, minute: i64, service: &str, ms: f64) -> Result<()> {
    let ns = START_NS + minute * MINUTE_NS;
    database.sql(&format!("INSERT INTO calls VALUES (to_timestamp_nanos({ns}), '{service}', {ms})")).await?;
    Ok(())
}

async fn rows(database: &Database, sql: &str) -> Result<Vec<String>> {
    let mut rows = vec![];
    for batch in database.sql(sql).await?.collect().await? {
        rows.extend(display_rows(&batch)?.into_iter().map(|row| row.join(" ")));
    }
    Ok(rows)
}

fn shown(events: &[AlertEvent]) -> Vec<String> {
    let shown = |event: &AlertEvent| {
        let minute = (event.at_ns - START_NS) / MINUTE_NS;
        format!("{minute} {} {}", event.series.state, event.series.labels)
    };
    events.iter().map(shown).collect()
}

const SLOW: &str = "CREATE ALERT slow EVERY '1 minute' FOR '2 minutes' KEEP FIRING FOR '1 minute' LABELS (severity = 'page') \
     ANNOTATIONS (summary = '{{ $labels.service }} takes {{ $value }} ms') \
     AS SELECT service, max(ms) AS value FROM calls WHERE time > now() - INTERVAL '1 minute' GROUP BY service HAVING max(ms) > 100";

#[tokio::test]
async fn a_series_fires_and_is_resolved() -> Result<()> {
    let (_folder, clock, database) = fresh().await?;
    database.sql(SLOW).await?;
    for minute in 0..4 {
        call(&database, minute, "a", 200.0 + minute as f64).await?;
    }
    call(&database, 1, "b", 50.0).await?;
    let mut all = vec![];
    for _ in 0..8 {
        all.extend(database.evaluate_alerts().await?);
        // nothing is due twice
        assert_eq!(database.evaluate_alerts().await?, []);
        clock.advance(MINUTE);
    }
    assert_eq!(
        shown(&all),
        [
            "0 pending alertname=slow, service=a, severity=page",
            "2 firing alertname=slow, service=a, severity=page",
            // its row is gone, it fires on
            "4 firing alertname=slow, service=a, severity=page",
            "5 inactive alertname=slow, service=a, severity=page",
        ]
    );
    assert_eq!(all[1].series.annotations["summary"], "a takes 202 ms");
    assert_eq!(
        rows(
            &database,
            "SELECT state, value, fired_at, resolved_at FROM driftline.alert_history ORDER BY time"
        )
        .await?,
        [
            "pending 200.0 NULL NULL",
            "firing 202.0 2026-01-01T00:02:00Z NULL",
            "firing 203.0 2026-01-01T00:02:00Z NULL",
            "inactive 203.0 2026-01-01T00:02:00Z 2026-01-01T00:05:00Z",
        ]
    );
    assert_eq!(
        rows(&database, "SELECT alert, state, labels, health, evaluated_at FROM driftline.alerts").await?,
        ["slow inactive alertname=slow, service=a, severity=page ok 2026-01-01T00:07:00Z"]
    );
    Ok(())
}

/// Whatever happens between, a restart changes nothing: the same events as of one process, and as of a replay.
#[tokio::test]
async fn restarts_and_replays_tell_the_same() -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    for _ in 0..4 {
        let (folder, clock, mut database) = fresh().await?;
        for minute in 0..60 {
            for service in ["a", "b"] {
                if random.random_bool(0.6) {
                    call(&database, minute, service, f64::from(random.random_range(0..200))).await?;
                }
            }
        }
        database.sql(SLOW).await?;
        let mut live = vec![];
        for _ in 0..60 {
            live.extend(database.evaluate_alerts().await?);
            if random.random_bool(0.1) {
                database.close().await?;
                database = open(folder.path(), &clock).await?;
            }
            // now and then nobody calls for a while
            let skipped = if random.random_bool(0.1) { 5 } else { 1 };
            clock.advance(MINUTE * skipped);
        }
        let last = live.last().map_or(START_NS, |event| event.at_ns);
        let mut replayed = database.replay_alert("slow", START_NS..=last, None, |_, _| true).await?;
        assert!(live.len() > 10, "there is something to compare");
        // a resolved series that nobody remembers is told with other times
        for event in live.iter_mut().chain(&mut replayed) {
            event.series.annotations.clear();
        }
        assert_eq!(live, replayed);
        let logged =
            rows(&database, "SELECT state, labels FROM driftline.alert_history ORDER BY sequence").await?;
        assert_eq!(logged.len(), live.len(), "each change is written once");
        assert!(database.replay_alert(SLOW, START_NS..=last, None, |_, _| true).await?.len() == live.len());
    }
    Ok(())
}

#[tokio::test]
async fn what_was_missed_is_caught_up_or_counted() -> Result<()> {
    let (folder, clock, database) = fresh().await?;
    database.sql(SLOW).await?;
    database.evaluate_alerts().await?;
    for minute in 1..5 {
        call(&database, minute, "a", 200.0).await?;
    }
    database.close().await?;
    clock.advance(MINUTE * 30);
    let database = open(folder.path(), &clock).await?;
    let events = database.evaluate_alerts().await?;
    let states: Vec<SeriesState> = events.iter().map(|event| event.series.state).collect();
    assert_eq!(
        states,
        [SeriesState::Pending, SeriesState::Firing, SeriesState::Firing, SeriesState::Inactive]
    );
    assert_eq!(database.alerts().await?[0].missed, 0);
    clock.advance(MINUTE * 100);
    assert_eq!(database.evaluate_alerts().await?, []);
    assert_eq!(database.alerts().await?[0].missed, 40);
    assert_eq!(
        rows(&database, "SELECT message FROM driftline.alert_history WHERE state = 'missed'").await?,
        ["40 evaluations of 100 that were missed are left out"]
    );
    Ok(())
}

#[tokio::test]
async fn a_clock_that_goes_back_is_said_and_followed() -> Result<()> {
    let (_folder, clock, database) = fresh().await?;
    database.sql(SLOW).await?;
    for minute in -60..3 {
        call(&database, minute, "a", 200.0).await?;
    }
    for _ in 0..3 {
        database.evaluate_alerts().await?;
        clock.advance(MINUTE);
    }
    clock.set_now_ns(START_NS - 50 * MINUTE_NS);
    database.evaluate_alerts().await?;
    clock.advance(MINUTE);
    database.evaluate_alerts().await?;
    let status = &database.alerts().await?[0];
    assert_eq!(status.evaluated_at_ns, Some(START_NS - 49 * MINUTE_NS));
    assert_eq!(status.series[0].state, SeriesState::Firing, "it still fires");
    assert!(status.series[0].active_at_ns <= START_NS - 50 * MINUTE_NS);
    assert_eq!(
        rows(&database, "SELECT message FROM driftline.alert_history WHERE state = 'clock'").await?,
        ["the clock went back by 52m: evaluated from now on"]
    );
    Ok(())
}

#[tokio::test]
async fn a_query_that_fails_is_said_and_freezes_its_series() -> Result<()> {
    let (folder, clock, database) = fresh().await?;
    database.sql("CREATE ALERT any AS SELECT service, ms AS value FROM calls WHERE time > now() - INTERVAL '1 minute'").await?;
    call(&database, 0, "a", 1.0).await?;
    assert_eq!(shown(&database.evaluate_alerts().await?), ["0 firing alertname=any, service=a"]);
    call(&database, 1, "b", 1.0).await?;
    call(&database, 1, "b", 2.0).await?;
    clock.advance(MINUTE);
    assert_eq!(database.evaluate_alerts().await?, []);
    let alert = database.alerts().await?.remove(0);
    assert_eq!(alert.series[0].state, SeriesState::Firing);
    let AlertHealth::Error(message, since_ns) = alert.health.clone() else { panic!("{:?}", alert.health) };
    assert_eq!(since_ns, START_NS + MINUTE_NS);
    assert!(message.contains("two rows have the same labels {alertname=any, service=b}"), "{message}");
    assert_eq!(
        alert.failure().expect("it is told").labels.to_string(),
        "alert=any, alertname=AlertEvaluationFailed"
    );
    // so it is after a restart, and one that cannot be planned any more says so
    database.close().await?;
    let database = open(folder.path(), &clock).await?;
    assert!(matches!(database.alerts().await?[0].health, AlertHealth::Error(..)));
    clock.advance(MINUTE);
    assert_eq!(shown(&database.evaluate_alerts().await?), ["2 inactive alertname=any, service=a"]);
    assert_eq!(database.alerts().await?[0].health, AlertHealth::Ok);
    database.sql("ALTER TABLE calls RENAME COLUMN ms TO milliseconds").await?;
    clock.advance(MINUTE);
    database.evaluate_alerts().await?;
    assert!(
        matches!(&database.alerts().await?[0].health, AlertHealth::Error(error, _) if error.contains("ms"))
    );
    let history = "SELECT state, message IS NOT NULL FROM driftline.alert_history WHERE labels IS NULL ORDER BY sequence";
    assert_eq!(rows(&database, history).await?, ["error true", "ok false", "error true"]);
    Ok(())
}

#[tokio::test]
async fn what_is_dropped_or_replaced_is_resolved() -> Result<()> {
    let (folder, clock, database) = fresh().await?;
    let statement = "CREATE OR REPLACE ALERT always AS SELECT 1 AS value";
    database.sql(statement).await?;
    database.evaluate_alerts().await?;
    assert_eq!(database.alerts().await?[0].series[0].state, SeriesState::Firing);
    database.sql(statement).await?;
    assert_eq!(database.alerts().await?[0].series[0].state, SeriesState::Inactive);
    clock.advance(MINUTE);
    assert_eq!(shown(&database.evaluate_alerts().await?), ["1 firing alertname=always"]);
    database.sql("DROP ALERT always").await?;
    // receivers have 15 minutes to hear of it, also after a restart
    database.close().await?;
    let database = open(folder.path(), &clock).await?;
    let gone = database.alerts().await?.remove(0);
    assert_eq!((gone.query, gone.series[0].state), (None, SeriesState::Inactive));
    clock.advance(MINUTE * 16);
    database.evaluate_alerts().await?;
    assert_eq!(database.alerts().await?, []);
    Ok(())
}

/// Every change reaches a receiver once, from the first it was there for, over restarts.
#[tokio::test]
async fn receivers_have_a_place_in_the_log() -> Result<()> {
    let (folder, clock, mut database) = fresh().await?;
    database.sql("CREATE ALERT any FOR '1 minute' AS SELECT service, ms AS value FROM calls WHERE time > now() - INTERVAL '1 minute'").await?;
    call(&database, 0, "early", 1.0).await?;
    call(&database, 1, "early", 1.0).await?;
    for _ in 0..3 {
        database.evaluate_alerts().await?;
        clock.advance(MINUTE);
    }
    assert_eq!(database.undelivered_alerts("hook", 10).await?, [], "it begins with what comes");
    for minute in 3..12 {
        call(&database, minute, "late", 1.0).await?;
    }
    let mut heard = vec![];
    for minute in 3..16 {
        database.evaluate_alerts().await?;
        clock.advance(MINUTE);
        // away for a while, and then one change at a time
        if minute > 6 {
            for change in database.undelivered_alerts("hook", 1).await? {
                database.delivered_alerts("hook", change.sequence).await?;
                heard.extend(shown(&[change.event]));
            }
        }
        if minute % 4 == 0 {
            database.close().await?;
            database = open(folder.path(), &clock).await?;
        }
    }
    assert_eq!(heard, ["4 firing alertname=any, service=late", "12 inactive alertname=any, service=late"]);
    Ok(())
}

#[tokio::test]
async fn an_slo_pages_and_a_baseline_tells_its_columns() -> Result<()> {
    let (_folder, clock, database) = fresh().await?;
    database
        .sql("CREATE TABLE answers (time TIMESTAMP NOT NULL, bot TEXT, ok BOOLEAN, score DOUBLE)")
        .await?;
    let insert = |from: i64, minutes: i64, bad: i64, shift: f64| {
        let values: Vec<String> = (0..minutes * 10)
            .map(|nth| {
                let ns = START_NS + from * MINUTE_NS + nth * MINUTE_NS / 10;
                format!(
                    "(to_timestamp_nanos({ns}), 'x', {}, {})",
                    nth % 10 >= bad,
                    (nth * 37 % 100) as f64 / 100.0 + shift
                )
            })
            .collect();
        format!("INSERT INTO answers VALUES {}", values.join(", "))
    };
    database.sql(&insert(-180, 120, 0, 0.0)).await?;
    database.sql("CREATE BASELINE training AS SELECT score FROM answers").await?;
    database
        .sql("CREATE SLO answered ON answers GOOD WHEN ok OBJECTIVE 0.99 WINDOW '30 days' GROUP BY bot")
        .await?;
    database.sql("CREATE ALERT budget ON SLO answered").await?;
    database
        .sql("CREATE ALERT drift EVERY '10 minutes' ON BASELINE training OF answers OVER '1 hour'")
        .await?;
    clock.set_now_ns(START_NS - 60 * MINUTE_NS);
    assert_eq!(shown(&database.evaluate_alerts().await?), [] as [&str; 0]);
    database.sql(&insert(-60, 60, 5, 0.3)).await?;
    clock.set_now_ns(START_NS);
    let events = database.evaluate_alerts().await?;
    let mut told = shown(&events);
    told.retain(|event| event.starts_with("0 ") || event.contains("firing"));
    told.iter_mut().for_each(|event| *event = event.split_once(' ').expect("a minute").1.to_owned());
    told.sort();
    assert_eq!(
        told,
        [
            "firing alertname=budget, group_key='bot=x', severity=page, slo=answered",
            "firing alertname=budget, group_key='bot=x', severity=ticket, slo=answered",
            "firing alertname=drift, column_name=score, test=psi",
        ]
    );
    let summary = &events.last().expect("there are some").series.annotations["summary"];
    assert!(summary.starts_with("score has drifted from the baseline: psi is "), "{summary}");
    Ok(())
}

#[tokio::test]
async fn a_replay_has_its_limits() -> Result<()> {
    let (_folder, _clock, database) = fresh().await?;
    database.sql(SLOW).await?;
    let replay = async |alert: &str, from: i64, to: i64| {
        let range = START_NS + from..=START_NS + to;
        database
            .replay_alert(alert, range, None, |done, of| (done, of) != (3, 11))
            .await
            .map(|_| ())
            .map_err(|error| error.kind())
    };
    assert_eq!(replay("slow", 0, 9 * MINUTE_NS).await, Ok(()));
    assert_eq!(replay("slow", 0, 10 * MINUTE_NS).await, Err(ErrorKind::Cancelled));
    assert_eq!(replay("slow", 1, 2).await, Err(ErrorKind::Invalid));
    assert_eq!(replay("slow", 0, 2_000_000 * MINUTE_NS).await, Err(ErrorKind::ResourceExhausted));
    assert_eq!(replay("slew", 0, MINUTE_NS).await, Err(ErrorKind::NotFound));
    assert_eq!(
        replay("CREATE TABLE x (time TIMESTAMP NOT NULL)", 0, MINUTE_NS).await,
        Err(ErrorKind::Invalid)
    );
    Ok(())
}

/// Receivers hear that a failure is over, however it ends, and an answer without end is cut off.
#[tokio::test]
async fn a_failure_ends_and_an_endless_answer_is_one() -> Result<()> {
    let (folder, clock, database) = fresh().await?;
    let endless = "CREATE ALERT endless AS SELECT CAST(value AS TEXT) AS k, 1 AS value FROM generate_series(1, 100000000000)";
    database.sql(endless).await?;
    database.evaluate_alerts().await?;
    let alert = database.alerts().await?.remove(0);
    assert!(
        matches!(&alert.health, AlertHealth::Error(error, _) if error.contains("more than 1000 rows")),
        "{alert:?}"
    );
    assert_eq!(database.undelivered_alerts("hook", 10).await?, []);
    // replaced while it fails: that is over, and told after a restart, too
    database.sql(&endless.replace("CREATE", "CREATE OR REPLACE").replace("100000000000", "1")).await?;
    let told = database.undelivered_alerts("hook", 10).await?;
    assert_eq!(
        shown(&[told[0].event.clone()]),
        ["0 inactive alert=endless, alertname=AlertEvaluationFailed"]
    );
    database.close().await?;
    let database = open(folder.path(), &clock).await?;
    let failure = database.alerts().await?[0].failure().expect("it is remembered");
    assert_eq!((failure.state, failure.resolved_at_ns), (SeriesState::Inactive, Some(START_NS)));
    clock.advance(MINUTE * 16);
    assert_eq!(database.alerts().await?[0].failure(), None);
    // a restricted session could read by an alert what it may not name
    let settings =
        SessionSettings { tables: Some(TableFilter::of(["calls", "mine"])), ..SessionSettings::default() };
    let error = database
        .session(settings)
        .sql("CREATE ALERT mine AS SELECT count(*) AS value FROM driftline.tables")
        .await;
    assert_eq!(error.expect_err("it is refused").kind(), ErrorKind::PermissionDenied);
    Ok(())
}

/// What a process left of an alert that it was dropping is ended, and told.
#[tokio::test]
async fn a_drop_that_was_cut_short_is_finished() -> Result<()> {
    let (folder, clock, database) = fresh().await?;
    database.sql("CREATE ALERT always AS SELECT 1 AS value").await?;
    assert_eq!(database.undelivered_alerts("hook", 10).await?, []);
    database.evaluate_alerts().await?;
    database.storage().drop_definition("alert", "always").await?;
    database.close().await?;
    let database = open(folder.path(), &clock).await?;
    clock.advance(MINUTE);
    database.evaluate_alerts().await?;
    let told: Vec<AlertEvent> =
        database.undelivered_alerts("hook", 10).await?.into_iter().map(|told| told.event).collect();
    assert_eq!(shown(&told), ["0 firing alertname=always", "1 inactive alertname=always"]);
    assert_eq!(
        rows(&database, "SELECT state FROM driftline.alert_history ORDER BY sequence").await?,
        ["firing", "inactive", "dropped"]
    );
    Ok(())
}
