use arrow_flight::sql::{ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any};
use tonic::Code;

use super::statement::{ENDLESS, query, update};
use super::*;

/// Numbers of `/metrics`: statements that ended well, failed and were cancelled, and rows that were written.
async fn counts(fixture: &Fixture) -> [u64; 4] {
    let (_, page) = fixture.page("/metrics").await;
    [
        "driftline_queries_total{outcome=\"ok\"} ",
        "driftline_queries_total{outcome=\"failed\"} ",
        "driftline_queries_total{outcome=\"cancelled\"} ",
        "driftline_rows_ingested_total ",
    ]
    .map(|name| {
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {page}")).parse().unwrap()
    })
}

#[tokio::test]
async fn pages_tell_how_the_server_is() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.page("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(fixture.page("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(fixture.page("/nothing").await.0, 404);
    fixture.sql("SELECT * FROM predictions").await.unwrap();
    fixture.database.storage().flush(None).await.unwrap();
    let (status, page) = fixture.page("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "driftline_queries_total{outcome=\"ok\"} 1",
        "driftline_rows_sent_total 3",
        "driftline_connections 1",
        "# TYPE driftline_bytes_sent_total counter",
        "driftline_segments 1",
        "driftline_compaction_bytes_total{direction=\"written\"} 0",
        "driftline_maintenance_failures_total 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in {page}");
    }
    fixture.database.close().await.unwrap();
    assert_eq!(fixture.page("/readyz").await.0, 503);
    assert_eq!(fixture.page("/healthz").await.0, 200);
}

/// Goes red when a server that is asked to end waits for ever, or leaves its addresses taken.
#[tokio::test]
async fn a_server_ends_when_it_is_asked_to() {
    let fixture = Fixture::with("shutdown_grace = '5s'").await;
    fixture.sql("SELECT 1").await.unwrap();
    let (flight, database) = (fixture.flight, fixture.database.clone());
    fixture.end().await.unwrap();
    assert!(tokio::net::TcpStream::connect(flight).await.is_err());
    database.sql("SELECT 1").await.unwrap().collect().await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let fixture = Fixture::new().await;
    let text = DOORS.replace("flight_addr = '127.0.0.1:0'", &format!("flight_addr = '{}'", fixture.flight));
    let error = Server::bind(fixture.database.clone(), Settings::parse(&text).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), driftline::ErrorKind::Unavailable);
    assert!(error.to_string().contains(&fixture.flight.to_string()), "{error}");
}

/// Breaks when a statement is not counted by how it ended, or twice, or rows are written that nobody counts.
#[tokio::test]
async fn every_statement_is_counted_once() {
    let fixture = Fixture::new().await;
    assert_eq!(counts(&fixture).await, [0, 0, 0, 0]);
    // as an update, in two rows
    let insert = "INSERT INTO predictions SELECT time, model, confidence FROM predictions LIMIT 2";
    update(&fixture, insert).await.unwrap();
    assert_eq!(counts(&fixture).await, [1, 0, 0, 2]);
    update(&fixture, "INSERT INTO nowhere VALUES (1)").await.unwrap_err();
    assert_eq!(counts(&fixture).await, [1, 1, 0, 2]);
    // as a query, whose planning is no statement of its own
    fixture.sql(insert).await.unwrap();
    assert_eq!(counts(&fixture).await, [2, 1, 0, 4]);
    fixture.sql("SELECT count(*) AS count FROM predictions").await.unwrap();
    assert_eq!(counts(&fixture).await, [3, 1, 0, 4]);
    fixture.sql("SELECT * FROM nowhere").await.unwrap_err();
    assert_eq!(counts(&fixture).await, [3, 2, 0, 4]);
    // prepared
    for (sql, failed) in [("SELECT 1", 2), ("SELECT * FROM nowhere", 3)] {
        let request = ActionCreatePreparedStatementRequest { query: sql.to_owned(), transaction_id: None };
        let body = request.as_any().encode_to_vec().into();
        let action = arrow_flight::Action { r#type: "CreatePreparedStatement".to_owned(), body };
        let answer = fixture.client.clone().do_action(action).await;
        assert_eq!(answer.is_ok(), failed == 2);
        assert_eq!(counts(&fixture).await, [3, failed, 0, 4]);
    }
    // an ingest
    super::ingest::ingest(&fixture, "predictions", super::ingest::APPEND, vec![rows(5)]).await.unwrap();
    assert_eq!(counts(&fixture).await, [4, 3, 0, 9]);
    super::ingest::ingest(&fixture, "nowhere", super::ingest::APPEND, vec![rows(5)]).await.unwrap_err();
    assert_eq!(counts(&fixture).await, [4, 4, 0, 9]);
}

/// Breaks when a prepared INSERT's rows are not counted, whichever way it is run.
#[tokio::test]
async fn rows_of_a_prepared_insert_are_counted() {
    let fixture = Fixture::new().await;
    let sql = "INSERT INTO predictions SELECT time, model, confidence FROM predictions";
    let request = ActionCreatePreparedStatementRequest { query: sql.to_owned(), transaction_id: None };
    let body = request.as_any().encode_to_vec().into();
    let action = arrow_flight::Action { r#type: "CreatePreparedStatement".to_owned(), body };
    let mut results = fixture.client.clone().do_action(action).await.unwrap().into_inner();
    let any = Any::decode(results.message().await.unwrap().unwrap().body).unwrap();
    let created: ActionCreatePreparedStatementResult = any.unpack().unwrap().unwrap();
    let handle = created.prepared_statement_handle;
    let command =
        arrow_flight::sql::CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() };
    fixture.fetch(Ticket::new(command.as_any().encode_to_vec())).await.unwrap();
    assert_eq!(counts(&fixture).await, [1, 0, 0, 3]);
    let command = arrow_flight::sql::CommandPreparedStatementUpdate { prepared_statement_handle: handle };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let message = arrow_flight::FlightData::new().with_descriptor(descriptor);
    fixture.client.clone().do_put(futures::stream::iter([message])).await.unwrap();
    assert_eq!(counts(&fixture).await, [2, 0, 0, 9]);
}

/// Breaks when a query that waits counts as one that runs, or a server with its hands full is taken for one that is not ready.
#[tokio::test]
async fn a_server_with_its_hands_full_is_ready() {
    let fixture = Fixture::bounded("queries_max = 1\nqueries_queued_max = 1").await;
    let info = fixture.info(&query(ENDLESS)).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let watch = async {
        loop {
            let (_, page) = fixture.page("/metrics").await;
            if page.contains("driftline_queries_running 1\n") && page.contains("driftline_queries_queued 1\n")
            {
                break;
            }
        }
        let refused =
            update(&fixture, "INSERT INTO predictions SELECT * FROM predictions").await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{refused}");
        assert_eq!(fixture.page("/readyz").await, (200, "ready\n".to_owned()));
    };
    tokio::select! {
        outcome = fixture.fetch(ticket.clone()) => panic!("{outcome:?}"),
        outcome = fixture.fetch(ticket) => panic!("{outcome:?}"),
        () = watch => {}
    }
}

/// Breaks when the end of the server is an internal error for a query that still runs, or nobody can ask how the server is before that.
#[tokio::test]
async fn a_query_that_outlives_the_grace_is_told_that_the_server_stops() {
    let mut fixture = Fixture::with("shutdown_grace = '2s'").await;
    let info = fixture.info(&query(ENDLESS)).await.unwrap();
    let stop = fixture.stop.take();
    let watch = async {
        while !fixture.page("/metrics").await.1.contains("driftline_queries_running 1\n") {}
        drop(stop);
        let stopping = (503, "the server is stopping\n".to_owned());
        while fixture.page("/readyz").await != stopping {}
        assert_eq!(fixture.page("/healthz").await, (200, "ok\n".to_owned()));
        assert!(fixture.page("/metrics").await.1.contains("driftline_queries_running 1\n"));
    };
    let (outcome, ()) = tokio::join!(fixture.fetch(info.endpoint[0].ticket.clone().unwrap()), watch);
    let status = outcome.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the server is stopping"));
    let (http, database) = (fixture.http, fixture.database.clone());
    fixture.end().await.unwrap();
    assert!(tokio::net::TcpStream::connect(http).await.is_err());
    database.sql("SELECT 1").await.unwrap().collect().await.unwrap();
}
