//! What is kept of queries, who sees it, and how they are stopped.

use anyhow::Result;
use driftline::{Database, ErrorKind, QueryState, Role, SessionSettings};
use futures::TryStreamExt;

use super::{database, text};

const ROWS: &str = "SELECT * FROM generate_series(1, 100000)";

fn state_of(database: &Database, id: &str) -> QueryState {
    database.queries().into_iter().find(|query| query.query_id == id).expect("it is listed").state
}

/// Breaks when the end of a query is noted as another, or what it answered is counted wrong.
#[tokio::test(flavor = "multi_thread")]
async fn every_end_is_noted() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let before = database.query_counts();

    let stream = database.sql(ROWS).await?;
    let id = stream.query_id().to_owned();
    assert_eq!(id.len(), 26);
    assert_eq!(state_of(&database, &id), QueryState::Running);
    stream.collect().await?;
    let query = database.queries().into_iter().find(|query| query.query_id == id).unwrap();
    assert_eq!((query.state, query.rows, query.bytes), (QueryState::Finished, 100_000, 800_000));
    assert_eq!((query.sql.as_str(), query.error), (ROWS, None));

    // 16 bytes a view, and the text behind it where it is longer than 12
    database
        .sql("SELECT arrow_cast(repeat('x', 100), 'Utf8View') AS a, arrow_cast('short', 'Utf8View') AS b")
        .await?
        .collect()
        .await?;
    assert_eq!(database.queries()[0].bytes, 132);

    let mut dropped = database.sql(ROWS).await?;
    let first = dropped.try_next().await?.unwrap();
    let id = dropped.query_id().to_owned();
    drop(dropped);
    let query = database.queries().into_iter().find(|query| query.query_id == id).unwrap();
    assert_eq!((query.state, query.rows), (QueryState::Cancelled, first.num_rows() as u64));

    let failing = database.sql("SELECT 10 / (value - 50000) FROM generate_series(1, 100000)").await?;
    let id = failing.query_id().to_owned();
    failing.collect().await.unwrap_err();
    assert_eq!(state_of(&database, &id), QueryState::Failed);

    database.sql("SELECT * FROM nowhere").await.unwrap_err();
    let query = &database.queries()[0];
    assert_eq!(
        (query.state, query.error.as_deref()),
        (QueryState::Failed, Some("table \"nowhere\" does not exist"))
    );

    // nobody reads the answer, but the statement is done
    let id = database.sql("INSERT INTO t VALUES ('2026-01-04', 'd', 4)").await?.query_id().to_owned();
    assert_eq!(state_of(&database, &id), QueryState::Finished);

    let after = database.query_counts();
    assert_eq!((after.running, after.queued), (0, 0));
    assert_eq!(
        (after.finished - before.finished, after.failed - before.failed, after.cancelled - before.cancelled),
        (3, 2, 1)
    );
    Ok(())
}

/// Breaks when a cancelled query goes on, or ends as if it were whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_can_be_stopped() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let mut stream = database.sql(ROWS).await?;
    stream.try_next().await?;
    let id = stream.query_id().to_owned();
    assert!(database.cancel_query(&id));
    let error = stream.try_next().await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Cancelled, "the query was cancelled"));
    assert!(stream.try_next().await?.is_none(), "nothing comes after an error");
    assert_eq!(state_of(&database, &id), QueryState::Cancelled);
    assert!(!database.cancel_query(&id), "it is done");
    assert!(!database.cancel_query("nothing"));

    // one that has answered nothing yet: its planning waits for its rows
    let endless = "INSERT INTO t SELECT now(), 'x', count(*) FROM generate_series(1, 1000000000) a, generate_series(1, 1000000000) b";
    let running = tokio::spawn({
        let database = database.clone();
        async move { database.sql(endless).await.map(|_| ()) }
    });
    let id = loop {
        let started = database.queries().into_iter().find(|query| query.sql == endless);
        if let Some(query) = started {
            break query.query_id;
        }
        tokio::task::yield_now().await;
    };
    assert!(database.cancel_query(&id));
    assert_eq!(running.await?.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(state_of(&database, &id), QueryState::Cancelled);
    Ok(())
}

/// Breaks when a user sees or stops the queries of another, or an admin does not.
#[tokio::test(flavor = "multi_thread")]
async fn users_see_their_own_queries() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let session = |user: &str, role| {
        database.session(SessionSettings { user: Some(user.to_owned()), role, ..SessionSettings::default() })
    };
    let (anna, ben, chief) =
        (session("anna", Role::Read), session("ben", Role::Write), session("chief", Role::Admin));
    let held = anna.sql(ROWS).await?;
    let others = "SELECT DISTINCT user_name FROM driftline.queries WHERE user_name IS NOT NULL ORDER BY 1";
    assert_eq!(text(&ben, others).await?, "ben");
    assert_eq!(text(&chief, others).await?, "anna\nben\nchief");
    assert_eq!(
        text(&chief, "SELECT state, sql FROM driftline.queries WHERE user_name = 'anna'").await?,
        format!("running {ROWS}")
    );
    assert!(!ben.cancel(held.query_id()));
    assert!(chief.cancel(held.query_id()));
    assert_eq!(held.collect().await.unwrap_err().kind(), ErrorKind::Cancelled);
    let own = anna.sql(ROWS).await?;
    assert!(anna.cancel(own.query_id()));

    // and the same in SQL
    let held = anna.sql(ROWS).await?;
    let cancel = format!("CANCEL QUERY '{}'", held.query_id());
    let error = ben.sql(&cancel).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(anna.prepare(&cancel).await.is_ok(), "which cancels nothing");
    assert_eq!(text(&chief, &cancel).await?, format!("cancelled query {}", held.query_id()));
    assert_eq!(held.collect().await.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(anna.sql(&cancel).await.unwrap_err().kind(), ErrorKind::NotFound, "it is done");
    assert_eq!(anna.sql("CANCEL QUERY").await.unwrap_err().kind(), ErrorKind::Invalid);
    Ok(())
}

/// Breaks when the list grows without end, or keeps statements whole whatever their length.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_bounded() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let database = database(&dir).await?;
    let long = format!("SELECT 'ä{}' AS a", "ö".repeat(5000));
    database.sql(&long).await?.collect().await?;
    let kept = &database.queries()[0].sql;
    assert!((4093..=4096).contains(&kept.len()) && long.starts_with(kept.as_str()), "{}", kept.len());
    for _ in 0..300 {
        database.sql("SELECT").await.unwrap_err();
    }
    assert_eq!(database.queries().len(), 256);
    assert!(database.query_counts().failed >= 300);
    Ok(())
}
