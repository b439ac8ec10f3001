use arrow::array::{AsArray, Int64Array, UnionArray};
use arrow::datatypes::{DataType, Field, Int64Type, UnionFields};
use arrow_flight::Action;
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, Any, CommandPreparedStatementQuery, CommandPreparedStatementUpdate,
    DoPutPreparedStatementResult, DoPutUpdateResult,
};
use tonic::Code;

use super::*;

async fn act(
    fixture: &Fixture,
    name: &str,
    request: &impl ProstMessageExt,
) -> Result<Vec<bytes::Bytes>, Status> {
    let action = Action { r#type: name.to_owned(), body: request.as_any().encode_to_vec().into() };
    let results = fixture.client.clone().do_action(fixture.request(action)).await?.into_inner();
    results.map_ok(|result| result.body).try_collect().await
}

async fn prepare(fixture: &Fixture, sql: &str) -> Result<ActionCreatePreparedStatementResult, Status> {
    let request = ActionCreatePreparedStatementRequest { query: sql.to_owned(), transaction_id: None };
    let results = act(fixture, "CreatePreparedStatement", &request).await?;
    let any = Any::decode(results[0].clone()).unwrap();
    Ok(any.unpack().unwrap().unwrap())
}

fn schema(bytes: bytes::Bytes) -> arrow::datatypes::Schema {
    arrow_flight::IpcMessage(bytes).try_into().unwrap()
}

#[tokio::test]
async fn a_prepared_query_runs_again_and_again_until_closed() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture, "SELECT count(*) AS n FROM predictions").await.unwrap();
    let handle = prepared.prepared_statement_handle;
    let command = CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() };
    let before = fixture.answer(&command).await.unwrap();
    fixture.database.append("predictions", rows(2)).await.unwrap();
    let after = fixture.answer(&command).await.unwrap();
    assert_ne!(before, after);
    assert_eq!(schema(prepared.dataset_schema), *before.schema());
    let close = ActionClosePreparedStatementRequest { prepared_statement_handle: handle };
    assert!(act(&fixture, "ClosePreparedStatement", &close).await.unwrap().is_empty());
    let status = fixture.answer(&command).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");
    act(&fixture, "ClosePreparedStatement", &close).await.unwrap();
}

/// Goes red when JDBC takes a query for an update, or the other way: it looks at the number of columns alone.
#[tokio::test]
async fn a_statement_that_writes_has_no_columns() {
    let fixture = Fixture::new().await;
    let insert =
        prepare(&fixture, "INSERT INTO predictions VALUES ('2026-09-01T00:00:00Z', 'c', 0.5)").await.unwrap();
    assert!(schema(insert.dataset_schema).fields().is_empty());
    let query = prepare(&fixture, "SELECT 1").await.unwrap();
    assert_eq!(schema(query.dataset_schema).fields().len(), 1);
    assert_eq!(fixture.lines("SELECT count(*) FROM predictions").await[1], "3");
}

#[tokio::test]
async fn a_user_has_so_many_open_and_no_more() {
    let fixture = Fixture::with("prepared_statements_max = 2").await;
    let first = prepare(&fixture, "SELECT 1").await.unwrap();
    prepare(&fixture, "SELECT 2").await.unwrap();
    let status = prepare(&fixture, "SELECT 3").await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().contains("the limit is 2"), "{status}");
    let close =
        ActionClosePreparedStatementRequest { prepared_statement_handle: first.prepared_statement_handle };
    act(&fixture, "ClosePreparedStatement", &close).await.unwrap();
    prepare(&fixture, "SELECT 3").await.unwrap();
}

/// Sends rows of parameters for a statement, and answers what the server says of them.
async fn put(
    fixture: &Fixture,
    command: &impl ProstMessageExt,
    parameters: RecordBatch,
) -> Result<bytes::Bytes, Status> {
    let schema = parameters.schema();
    let mut messages = arrow_flight::utils::batches_to_flight_data(&schema, vec![parameters]).unwrap();
    messages[0].flight_descriptor = Some(FlightDescriptor::new_cmd(command.as_any().encode_to_vec()));
    let request = fixture.request(futures::stream::iter(messages));
    let mut results = fixture.client.clone().do_put(request).await?.into_inner();
    Ok(results.message().await?.unwrap().app_metadata)
}

fn union_of(value: &str) -> ArrayRef {
    let fields = UnionFields::from_fields([
        Field::new("bigint", DataType::Int64, true),
        Field::new("text", DataType::Utf8, true),
    ]);
    let children: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(Vec::<i64>::new())), Arc::new(StringArray::from(vec![value]))];
    Arc::new(UnionArray::try_new(fields, vec![1i8].into(), Some(vec![0i32].into()), children).unwrap())
}

/// Goes red when a client's own names for parameters matter: "0" with ADBC, "param_0" in a union with another.
#[tokio::test]
async fn parameters_are_bound_by_position_and_stay_with_the_handle() {
    let fixture = Fixture::new().await;
    let sql = "SELECT model, confidence FROM predictions WHERE model = ? AND confidence < ? ORDER BY time";
    let prepared = prepare(&fixture, sql).await.unwrap();
    assert_eq!(schema(prepared.parameter_schema).fields().len(), 2);
    let handle = prepared.prepared_statement_handle;
    let command = CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() };
    assert_eq!(fixture.answer(&command).await.unwrap_err().code(), Code::InvalidArgument);
    let limit: ArrayRef = Arc::new(Float64Array::from(vec![0.15]));
    for (first, model, expected) in [
        ("0", Arc::new(StringArray::from(vec!["a"])) as ArrayRef, 1),
        ("$1", Arc::new(StringArray::from(vec!["b"])), 1),
        ("param_0", union_of("c"), 0),
    ] {
        let parameters = RecordBatch::try_from_iter([(first, model), ("zz", limit.clone())]).unwrap();
        let answer = put(&fixture, &command, parameters).await.unwrap();
        let answer = DoPutPreparedStatementResult::decode(answer).unwrap();
        assert_eq!(answer.prepared_statement_handle.as_ref(), Some(&handle));
        assert_eq!(fixture.answer(&command).await.unwrap().num_rows(), expected, "{first}");
    }
}

#[tokio::test]
async fn a_query_runs_once_for_every_row_of_parameters() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture, "SELECT $1 * 2 AS twice").await.unwrap();
    let handle = prepared.prepared_statement_handle;
    let command = CommandPreparedStatementQuery { prepared_statement_handle: handle };
    let values: ArrayRef = Arc::new(Int64Array::from(vec![3, 1, 2]));
    put(&fixture, &command, RecordBatch::try_from_iter([("0", values)]).unwrap()).await.unwrap();
    let answer = fixture.answer(&command).await.unwrap();
    assert_eq!(answer.column(0).as_primitive::<Int64Type>().values(), &[6, 2, 4]);
}

/// Goes red when `executemany` writes another number of rows than it was given.
#[tokio::test]
async fn an_update_runs_for_every_row_of_parameters() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture, "INSERT INTO predictions VALUES (?, ?, ?)").await.unwrap();
    let handle = prepared.prepared_statement_handle;
    let command = CommandPreparedStatementUpdate { prepared_statement_handle: handle };
    let answer = put(&fixture, &command, rows(5)).await.unwrap();
    assert_eq!(DoPutUpdateResult::decode(answer).unwrap().record_count, 5);
    assert_eq!(fixture.lines("SELECT count(*) FROM predictions").await[1], "8");
}

#[tokio::test]
async fn parameters_that_nobody_asked_for_are_refused() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture, "SELECT 1").await.unwrap();
    let handle = prepared.prepared_statement_handle;
    let command = CommandPreparedStatementQuery { prepared_statement_handle: handle };
    let status = put(&fixture, &command, rows(1)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "the statement takes 0 parameters, got 3");
}

/// Breaks when `executemany` with no rows is an error, or writes something.
#[tokio::test]
async fn an_update_with_no_rows_of_parameters_changes_nothing() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture, "INSERT INTO predictions VALUES (?, ?, ?)").await.unwrap();
    let handle = prepared.prepared_statement_handle;
    let command = CommandPreparedStatementUpdate { prepared_statement_handle: handle };
    let answer = put(&fixture, &command, rows(0)).await.unwrap();
    assert_eq!(DoPutUpdateResult::decode(answer).unwrap().record_count, 0);
    assert_eq!(fixture.lines("SELECT count(*) FROM predictions").await[1], "3");
    // without any parameters it is a mistake
    let message = arrow_flight::FlightData::new()
        .with_descriptor(FlightDescriptor::new_cmd(command.as_any().encode_to_vec()));
    let status = fixture.client.clone().do_put(futures::stream::iter([message])).await.unwrap_err();
    assert_eq!(status.message(), "the statement takes 3 parameters, got 0");
}
