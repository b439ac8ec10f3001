use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow_flight::sql::{CommandStatementUpdate, DoPutUpdateResult};
use arrow_flight::{Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightData};
use futures::StreamExt;
use tonic::Code;

use super::*;

/// Runs for minutes, and looks up often enough to be stopped.
pub(super) const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000000000)";

pub(super) fn query(sql: &str) -> CommandStatementQuery {
    CommandStatementQuery { query: sql.to_owned(), transaction_id: None }
}

pub(super) async fn update(fixture: &Fixture, sql: &str) -> Result<i64, Status> {
    let command = CommandStatementUpdate { query: sql.to_owned(), transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let message = FlightData::new().with_descriptor(descriptor);
    let request = fixture.request(futures::stream::iter([message]));
    let mut results = fixture.client.clone().do_put(request).await?.into_inner();
    let result = results.message().await?.unwrap();
    Ok(DoPutUpdateResult::decode(result.app_metadata).unwrap().record_count)
}

#[tokio::test]
async fn a_query_answers_plain_nullable_columns() {
    let fixture = Fixture::new().await;
    let batch = fixture
        .sql("SELECT time, model, count(*) AS n FROM predictions GROUP BY ALL ORDER BY time")
        .await
        .unwrap();
    let schema = batch.schema();
    let types: Vec<&DataType> = schema.fields().iter().map(|field| field.data_type()).collect();
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    assert_eq!(types, [&time, &DataType::Utf8, &DataType::Int64]);
    assert!(schema.fields().iter().all(|field| field.is_nullable()));
    assert_eq!(batch.num_rows(), 3);
}

#[tokio::test]
async fn an_answer_without_rows_has_its_columns() {
    let fixture = Fixture::new().await;
    let batch = fixture.sql("SELECT model FROM predictions WHERE false").await.unwrap();
    assert_eq!((batch.num_rows(), batch.schema().field(0).name().as_str()), (0, "model"));
}

/// Goes red when a version of Grafana cannot save its data source: it checks with an empty statement.
#[tokio::test]
async fn a_statement_without_words_answers_a_row() {
    let fixture = Fixture::new().await;
    for sql in ["", " \n\t", ";"] {
        assert_eq!(fixture.sql(sql).await.unwrap().num_rows(), 1);
    }
}

/// Goes red when what is wrong with a statement is said later than here: Grafana reads the codes of this call alone.
#[tokio::test]
async fn errors_of_planning_come_with_the_info() {
    let fixture = Fixture::new().await;
    for (sql, code, words) in [
        ("SELECT", Code::InvalidArgument, ""),
        ("SELECT * FROM predictionz", Code::NotFound, "did you mean \"predictions\"?"),
        ("SELECT modell FROM predictions", Code::NotFound, "did you mean \"model\"?"),
        ("SELECT 1; SELECT 2", Code::InvalidArgument, ""),
    ] {
        let status = fixture.info(&query(sql)).await.unwrap_err();
        assert_eq!(status.code(), code, "{sql}: {status}");
        assert!(status.message().contains(words), "{sql}: {status}");
    }
}

/// Goes red when an error comes after the schema: Grafana shows it as an empty answer.
#[tokio::test]
async fn an_error_before_the_end_of_a_short_answer_comes_before_its_schema() {
    let fixture = Fixture::new().await;
    let sql = "SELECT 1 / CAST(confidence * 10 - 2 AS BIGINT) FROM predictions ORDER BY time";
    let info = fixture.info(&query(sql)).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let status = fixture.client.clone().do_get(ticket).await.map(|_| ()).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
}

/// Goes red when a message grows over what a client takes, or a large answer loses a row.
#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let fixture = Fixture::new().await;
    let sql = "SELECT value, repeat('x', 200) AS text FROM generate_series(1, 100000)";
    let batch = fixture.sql(sql).await.unwrap();
    assert_eq!(batch.num_rows(), 100_000);
    let sum: i64 = batch.column(0).as_primitive::<Int64Type>().iter().flatten().sum();
    assert_eq!(sum, 5_000_050_000);
    let long = fixture.sql("SELECT repeat('x', 2000000) AS text").await.unwrap();
    assert_eq!(long.column(0).as_string::<i32>().value(0).len(), 2_000_000);
    let status = fixture.sql("SELECT repeat('x', 4000000) AS text").await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("column \"text\""), "{status}");
}

#[tokio::test]
async fn an_answer_over_its_limit_is_refused() {
    let fixture = Fixture::with("result_max = '1MiB'").await;
    let status = fixture.sql("SELECT repeat('x', 100) FROM generate_series(1, 100000)").await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("limit of 1.0 MiB"), "{status}");
}

#[tokio::test]
async fn arrows_own_types_are_sent_to_those_who_ask() {
    let mut fixture = Fixture::new().await;
    let sql = "SELECT make_array(1, 2) AS l, arrow_cast('x', 'Utf8View') AS t";
    assert_eq!(fixture.lines(sql).await[1], "[1,2] | x");
    fixture.headers.insert("driftline-types", "arrow".parse().unwrap());
    let batch = fixture.sql(sql).await.unwrap();
    assert!(matches!(batch.column(0).data_type(), DataType::List(_)));
    assert_eq!(batch.column(1).data_type(), &DataType::Utf8);
    fixture.headers.insert("driftline-types", "parquet".parse().unwrap());
    assert_eq!(fixture.sql(sql).await.unwrap_err().code(), Code::InvalidArgument);
}

/// Goes red when planning a statement runs it, or one that writes cannot be run as a query.
#[tokio::test]
async fn a_statement_that_writes_runs_once_when_it_is_fetched() {
    let fixture = Fixture::new().await;
    let insert = query("INSERT INTO predictions VALUES ('2026-09-01T00:00:00Z', 'c', 0.5)");
    let info = fixture.info(&insert).await.unwrap();
    assert_eq!(fixture.lines("SELECT count(*) FROM predictions").await[1], "3");
    fixture.fetch(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    assert_eq!(fixture.lines("SELECT count(*) FROM predictions").await[1], "4");
}

#[tokio::test]
async fn an_update_answers_how_many_rows_it_wrote() {
    let fixture = Fixture::new().await;
    let insert = "INSERT INTO predictions SELECT time, 'c', confidence FROM predictions";
    assert_eq!(update(&fixture, insert).await.unwrap(), 3);
    assert_eq!(update(&fixture, "CREATE TABLE t (time TIMESTAMP NOT NULL)").await.unwrap(), -1);
    assert_eq!(update(&fixture, "INSERT INTO nowhere VALUES (1)").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn schema_and_progress_can_be_asked_alone() {
    let fixture = Fixture::new().await;
    let descriptor = FlightDescriptor::new_cmd(query("SELECT 1 AS one").as_any().encode_to_vec());
    let schema = fixture.client.clone().get_schema(descriptor.clone()).await.unwrap().into_inner();
    let schema = arrow::datatypes::Schema::try_from(&schema).unwrap();
    assert_eq!(schema.field(0).name(), "one");
    let poll = fixture.client.clone().poll_flight_info(descriptor).await.unwrap().into_inner();
    assert_eq!((poll.progress, poll.flight_descriptor), (Some(1.0), None));
    assert_eq!(poll.info.unwrap().endpoint.len(), 1);
}

/// Goes red when a query goes on that somebody ended.
#[tokio::test]
async fn a_running_query_can_be_cancelled() {
    let fixture = Fixture::new().await;
    let info = fixture.info(&query(ENDLESS)).await.unwrap();
    let request = CancelFlightInfoRequest { info: Some(info.clone()) };
    let action = Action { r#type: "CancelFlightInfo".to_owned(), body: request.encode_to_vec().into() };
    let running = fixture.fetch(info.endpoint[0].ticket.clone().unwrap());
    let cancel = async {
        loop {
            let answer = fixture.client.clone().do_action(action.clone()).await.unwrap().into_inner();
            let answer = answer.collect::<Vec<_>>().await.remove(0).unwrap();
            let answer = CancelFlightInfoResult::decode(answer.body).unwrap();
            if answer.status == CancelStatus::Cancelled as i32 {
                return;
            }
        }
    };
    let (outcome, ()) = tokio::join!(running, cancel);
    let status = outcome.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Cancelled, "the query was cancelled"));
}

/// Breaks when only one of the queries ends that one ticket began.
#[tokio::test]
async fn a_ticket_that_is_fetched_twice_is_cancelled_twice() {
    let fixture = Fixture::new().await;
    let info = fixture.info(&query(ENDLESS)).await.unwrap();
    let request = CancelFlightInfoRequest { info: Some(info.clone()) };
    let action = Action { r#type: "CancelFlightInfo".to_owned(), body: request.encode_to_vec().into() };
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let cancel = async {
        while !fixture.page("/metrics").await.1.contains("driftline_queries_running 2\n") {}
        fixture.client.clone().do_action(action).await.unwrap();
    };
    let (first, second, ()) = tokio::join!(fixture.fetch(ticket.clone()), fixture.fetch(ticket), cancel);
    for outcome in [first, second] {
        assert_eq!(outcome.unwrap_err().code(), Code::Cancelled);
    }
}

/// Goes red when a query computes for a client that has gone.
#[tokio::test]
async fn a_query_ends_with_its_client() {
    let fixture = Fixture::new().await;
    let info = fixture.info(&query(ENDLESS)).await.unwrap();
    let mut running = Box::pin(fixture.fetch(info.endpoint[0].ticket.clone().unwrap()));
    let is_running = async |expected: &str| loop {
        let (_, page) = fixture.page("/metrics").await;
        if page.contains(&format!("driftline_queries_running {expected}\n")) {
            break;
        }
    };
    tokio::select! {
        outcome = &mut running => panic!("{outcome:?}"),
        () = is_running("1") => {}
    }
    drop(running);
    is_running("0").await;
    while !fixture.page("/metrics").await.1.contains("driftline_queries_total{outcome=\"cancelled\"} 1\n") {}
}

/// Goes red when a query cannot be found again in the list of queries, or is listed under another user.
#[tokio::test]
async fn an_answer_names_its_query() {
    let fixture = Fixture::new().await;
    let info = fixture.info(&query("SELECT model FROM predictions")).await.unwrap();
    let answer = fixture.client.clone().do_get(info.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    let id = answer.metadata().get("driftline-query-id").unwrap().to_str().unwrap().to_owned();
    drop(answer.into_inner().collect::<Vec<_>>().await);
    let sql = format!("SELECT state, rows, sql FROM driftline.queries WHERE query_id = '{id}'");
    assert_eq!(fixture.lines(&sql).await[1], "finished | 3    | SELECT model FROM predictions");
}

#[tokio::test]
async fn a_query_over_its_time_is_ended() {
    let fixture = Fixture::with("query_timeout = '1ms'").await;
    let status = fixture.sql(ENDLESS).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
}

/// Goes red when Grafana's InfluxDB source finds no table: it knows the schema `iox` alone.
#[tokio::test]
async fn the_schema_has_another_name_for_grafana() {
    let fixture = Fixture::with("schema_alias = 'iox'").await;
    let tables =
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'iox' ORDER BY table_name";
    assert!(fixture.lines(tables).await.contains(&"predictions".to_owned()));
    assert_eq!(fixture.lines("SELECT count(*) FROM iox.predictions").await[1], "3");
}
