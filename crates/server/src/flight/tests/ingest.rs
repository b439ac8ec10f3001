use arrow::array::{DictionaryArray, Int32Array, Int64Array, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::Int8Type;
use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
use arrow_flight::sql::{
    CommandStatementIngest, DoPutUpdateResult, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use tonic::Code;

use super::*;

pub(super) const APPEND: (TableNotExistOption, TableExistsOption) =
    (TableNotExistOption::Fail, TableExistsOption::Append);
const CREATE: (TableNotExistOption, TableExistsOption) =
    (TableNotExistOption::Create, TableExistsOption::Fail);

pub(super) async fn ingest(
    fixture: &Fixture,
    table: &str,
    (if_not_exist, if_exists): (TableNotExistOption, TableExistsOption),
    batches: Vec<RecordBatch>,
) -> Result<i64, Status> {
    let command = CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: if_not_exist as i32,
            if_exists: if_exists as i32,
        }),
        table: table.to_owned(),
        schema: None,
        catalog: None,
        temporary: false,
        transaction_id: None,
        options: Default::default(),
    };
    let messages = FlightDataEncoderBuilder::new()
        .with_dictionary_handling(DictionaryHandling::Resend)
        .with_flight_descriptor(Some(FlightDescriptor::new_cmd(command.as_any().encode_to_vec())))
        .build(futures::stream::iter(batches.into_iter().map(Ok)));
    let request = fixture.request(futures::stream::iter(messages.try_collect::<Vec<_>>().await.unwrap()));
    let mut results = fixture.client.clone().do_put(request).await?.into_inner();
    let result = results.message().await?.unwrap();
    Ok(DoPutUpdateResult::decode(result.app_metadata).unwrap().record_count)
}

#[tokio::test]
async fn rows_are_appended_in_the_types_of_the_table() {
    let fixture = Fixture::new().await;
    let time = TimestampMicrosecondArray::from(vec![1_788_134_400_000_000]);
    let model: DictionaryArray<Int8Type> = ["c"].into_iter().collect();
    let batch = RecordBatch::try_from_iter([
        ("time", Arc::new(time) as ArrayRef),
        ("model", Arc::new(model)),
        ("confidence", Arc::new(Int32Array::from(vec![1]))),
    ])
    .unwrap();
    assert_eq!(ingest(&fixture, "predictions", APPEND, vec![batch]).await.unwrap(), 1);
    let sql = "SELECT time, confidence FROM predictions WHERE model = 'c'";
    assert_eq!(fixture.lines(sql).await[1], "2026-08-31T00:00:00Z | 1.0");
    assert!(fixture.page("/metrics").await.1.contains("driftline_rows_ingested_total 1\n"));
}

/// Goes red when many rows do not arrive, or arrive in part.
#[tokio::test]
async fn many_rows_are_loaded_together() {
    let fixture = Fixture::new().await;
    let batches = vec![rows(400_000); 2];
    assert_eq!(ingest(&fixture, "predictions", APPEND, batches).await.unwrap(), 800_000);
    assert_eq!(fixture.lines("SELECT count(*) FROM predictions").await[1], "800003");
    let mut wrong = vec![rows(400_000); 2];
    let nothing: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN; 4]));
    let mut columns = rows(4).columns().to_vec();
    columns[0] = Arc::new(TimestampNanosecondArray::from(vec![None::<i64>; 4]).with_timezone("UTC"));
    columns[2] = nothing;
    let schema = Arc::new(arrow::datatypes::Schema::new(
        wrong[0]
            .schema()
            .fields()
            .iter()
            .map(|field| field.as_ref().clone().with_nullable(true))
            .collect::<Vec<_>>(),
    ));
    wrong = wrong.into_iter().map(|batch| batch.with_schema(schema.clone()).unwrap()).collect();
    wrong.push(RecordBatch::try_new(schema, columns).unwrap());
    let status = ingest(&fixture, "predictions", APPEND, wrong).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert_eq!(fixture.lines("SELECT count(*) FROM predictions").await[1], "800003");
}

#[tokio::test]
async fn a_table_is_made_for_its_rows() {
    let fixture = Fixture::new().await;
    let batch = RecordBatch::try_from_iter([
        ("time", Arc::new(TimestampMicrosecondArray::from(vec![0])) as ArrayRef),
        ("Name", Arc::new(StringViewArray::from(vec!["x"]))),
        ("n", Arc::new(Int64Array::from(vec![7]))),
    ])
    .unwrap();
    assert_eq!(ingest(&fixture, "made", CREATE, vec![batch.clone()]).await.unwrap(), 1);
    assert_eq!(fixture.lines("SELECT \"Name\", n FROM made").await[1], "x    | 7");
    let again = ingest(&fixture, "made", CREATE, vec![batch.clone()]).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    let replace = (TableNotExistOption::Create, TableExistsOption::Replace);
    assert_eq!(
        ingest(&fixture, "made", replace, vec![batch.clone()]).await.unwrap_err().code(),
        Code::Unimplemented
    );
    assert_eq!(
        ingest(&fixture, "none", APPEND, vec![batch.clone()]).await.unwrap_err().code(),
        Code::NotFound
    );
    let without_time = batch.project(&[1, 2]).unwrap();
    let status = ingest(&fixture, "timeless", CREATE, vec![without_time]).await.unwrap_err();
    assert!(status.message().contains("needs a column \"time\""), "{status}");
    assert_eq!(fixture.sql("SELECT * FROM timeless").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_column_that_the_table_lacks_or_cannot_hold_is_named() {
    let fixture = Fixture::new().await;
    let time = rows(1).column(0).clone();
    let extra: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("time", time.clone()), ("extra", extra)]).unwrap();
    let status = ingest(&fixture, "predictions", APPEND, vec![batch]).await.unwrap_err();
    assert!(status.code() == Code::InvalidArgument && status.message().contains("extra"), "{status}");
    let text: ArrayRef = Arc::new(StringArray::from(vec!["high"]));
    let batch = RecordBatch::try_from_iter([("time", time), ("confidence", text)]).unwrap();
    let status = ingest(&fixture, "predictions", APPEND, vec![batch]).await.unwrap_err();
    assert!(status.code() == Code::InvalidArgument && status.message().contains("confidence"), "{status}");
}

const CREATE_OR_APPEND: (TableNotExistOption, TableExistsOption) =
    (TableNotExistOption::Create, TableExistsOption::Append);

/// Breaks when of several loaders of one new table some are told that it exists, and lose their rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn loaders_of_one_new_table_do_not_meet_each_other() {
    const LOADERS: usize = 8;
    let fixture = Arc::new(Fixture::new().await);
    for (table, count) in [("few", 5), ("more", 50), ("again", 5)] {
        let together = Arc::new(tokio::sync::Barrier::new(LOADERS));
        let loaders = (0..LOADERS).map(|_| {
            let (fixture, together) = (Arc::clone(&fixture), Arc::clone(&together));
            tokio::spawn(async move {
                together.wait().await;
                ingest(&fixture, table, CREATE_OR_APPEND, vec![rows(count); 2]).await
            })
        });
        for loaded in futures::future::join_all(loaders).await {
            assert_eq!(loaded.unwrap().unwrap(), 2 * count as i64);
        }
        let all = fixture.lines(&format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(all[1], (LOADERS * 2 * count).to_string());
    }
}

/// Breaks when few rows, many rows, or a table that cannot be made go another way than they should.
#[tokio::test]
async fn create_or_append_creates_and_appends() {
    let fixture = Fixture::new().await;
    assert_eq!(ingest(&fixture, "made", CREATE_OR_APPEND, vec![rows(3)]).await.unwrap(), 3);
    assert_eq!(ingest(&fixture, "made", CREATE_OR_APPEND, vec![rows(400_000); 2]).await.unwrap(), 800_000);
    let without_time = rows(1).project(&[1, 2]).unwrap();
    assert_eq!(
        ingest(&fixture, "timeless", CREATE_OR_APPEND, vec![without_time]).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    assert_eq!(fixture.sql("SELECT * FROM timeless").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(fixture.lines("SELECT count(*) FROM made").await[1], "800003");
}

/// Breaks when it is said that a view does not exist, or rows go elsewhere.
#[tokio::test]
async fn rows_for_a_view_are_refused_as_such() {
    let fixture = Fixture::new().await;
    fixture.database.sql("CREATE VIEW seen AS SELECT * FROM predictions").await.unwrap();
    for mode in [APPEND, CREATE_OR_APPEND] {
        let status = ingest(&fixture, "seen", mode, vec![rows(1)]).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "\"seen\" is a view: rows can only be written into tables");
    }
    let status = ingest(&fixture, "unseen", APPEND, vec![rows(1)]).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");
}

/// Breaks when an empty frame of a client is an error: it sends a schema, and no batch.
#[tokio::test]
async fn a_schema_without_a_batch_is_no_rows() {
    let fixture = Fixture::new().await;
    for (table, mode) in [("predictions", APPEND), ("made", CREATE), ("shared", CREATE_OR_APPEND)] {
        let command = CommandStatementIngest {
            table_definition_options: Some(TableDefinitionOptions {
                if_not_exist: mode.0 as i32,
                if_exists: mode.1 as i32,
            }),
            table: table.to_owned(),
            ..Default::default()
        };
        let mut messages = arrow_flight::utils::batches_to_flight_data(&rows(0).schema(), vec![]).unwrap();
        assert_eq!(messages.len(), 1);
        messages[0].flight_descriptor = Some(FlightDescriptor::new_cmd(command.as_any().encode_to_vec()));
        let mut results =
            fixture.client.clone().do_put(futures::stream::iter(messages)).await.unwrap().into_inner();
        let result = results.message().await.unwrap().unwrap();
        assert_eq!(DoPutUpdateResult::decode(result.app_metadata).unwrap().record_count, 0, "{table}");
        let columns = fixture.sql(&format!("SELECT * FROM {table}")).await.unwrap().num_columns();
        assert_eq!(columns, 3, "{table}");
    }
}
