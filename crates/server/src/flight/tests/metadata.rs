use arrow::array::AsArray;
use arrow::datatypes::{DataType, Schema};
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys,
    CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables,
    CommandGetXdbcTypeInfo,
};

use super::*;

fn tables() -> CommandGetTables {
    CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: None,
        table_name_filter_pattern: None,
        table_types: vec![],
        include_schema: false,
    }
}

async fn column(fixture: &Fixture, command: &impl ProstMessageExt, column: usize) -> Vec<String> {
    let batch = fixture.answer(command).await.unwrap();
    batch.column(column).as_string::<i32>().iter().flatten().map(str::to_owned).collect()
}

/// Goes red when a client that names no catalog sees an empty database: Grafana, ADBC, Superset and DBeaver name none.
#[tokio::test]
async fn tables_are_listed_with_and_without_a_catalog() {
    let fixture = Fixture::new().await;
    for catalog in [None, Some("driftline".to_owned())] {
        let all = column(&fixture, &CommandGetTables { catalog, ..tables() }, 2).await;
        for name in ["predictions", "llm_calls", "segments"] {
            assert!(all.iter().any(|table| table == name), "{name} in {all:?}");
        }
    }
    let elsewhere = CommandGetTables { catalog: Some("other".to_owned()), ..tables() };
    assert!(column(&fixture, &elsewhere, 2).await.is_empty());
}

#[tokio::test]
async fn kinds_of_tables_filter() {
    let fixture = Fixture::new().await;
    let listed = async |types: &[&str]| {
        let table_types = types.iter().map(|name| (*name).to_owned()).collect();
        column(&fixture, &CommandGetTables { table_types, ..tables() }, 2).await
    };
    // what Grafana's builder sends: tables and views, and nothing of the system
    let grafana = listed(&["BASE TABLE", "table"]).await;
    assert!(grafana.contains(&"predictions".to_owned()) && grafana.contains(&"llm_calls".to_owned()));
    assert!(!grafana.contains(&"segments".to_owned()), "{grafana:?}");
    let base = listed(&["TABLE"]).await;
    assert!(base.contains(&"predictions".to_owned()) && !base.contains(&"llm_calls".to_owned()));
    assert!(listed(&["VIEW"]).await.contains(&"llm_calls".to_owned()));
    assert!(listed(&["SYSTEM TABLE"]).await.contains(&"segments".to_owned()));
    assert!(listed(&["SYNONYM"]).await.is_empty());
    assert_eq!(column(&fixture, &CommandGetTableTypes {}, 0).await, ["SYSTEM TABLE", "TABLE", "VIEW"]);
}

/// Goes red when the columns that are told are not the columns that are sent.
#[tokio::test]
async fn a_tables_schema_is_the_one_that_is_sent() {
    let fixture = Fixture::new().await;
    let command = CommandGetTables {
        table_name_filter_pattern: Some("predictions".to_owned()),
        include_schema: true,
        ..tables()
    };
    let batch = fixture.answer(&command).await.unwrap();
    assert_eq!(batch.num_rows(), 1);
    let bytes = batch.column(4).as_binary::<i32>().value(0).to_vec();
    let told = Schema::try_from(arrow_flight::IpcMessage(bytes.into())).unwrap();
    assert_eq!(told, *fixture.sql("SELECT * FROM predictions").await.unwrap().schema());
}

/// Goes red when `_` in a name finds another table first: Grafana reads the first row.
#[tokio::test]
async fn the_table_of_exactly_this_name_comes_first() {
    let fixture = Fixture::new().await;
    for name in ["llm1calls", "llm_call2"] {
        fixture.database.sql(&format!("CREATE TABLE {name} (time TIMESTAMP NOT NULL)")).await.unwrap();
    }
    let command = CommandGetTables { table_name_filter_pattern: Some("llm_calls".to_owned()), ..tables() };
    assert_eq!(column(&fixture, &command, 2).await, ["llm_calls", "llm1calls"]);
    let quoted = CommandGetTables { table_name_filter_pattern: Some("it's".to_owned()), ..tables() };
    assert!(column(&fixture, &quoted, 2).await.is_empty());
}

#[tokio::test]
async fn catalogs_and_schemas_are_listed() {
    let fixture = Fixture::new().await;
    assert_eq!(column(&fixture, &CommandGetCatalogs {}, 0).await, ["driftline"]);
    let all = CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: None };
    assert_eq!(column(&fixture, &all, 1).await, ["driftline", "information_schema", "public"]);
    let some = CommandGetDbSchemas {
        catalog: Some("driftline".into()),
        db_schema_filter_pattern: Some("pub%".into()),
    };
    assert_eq!(column(&fixture, &some, 1).await, ["public"]);
}

/// Goes red when an answer that a strict client compares has another schema than the protocol says.
#[tokio::test]
async fn empty_answers_have_their_columns() {
    let fixture = Fixture::new().await;
    let (catalog, db_schema, table) = (None, None, "predictions".to_owned());
    let primary = CommandGetPrimaryKeys { catalog, db_schema, table: table.clone() };
    let primary = fixture.answer(&primary).await.unwrap();
    assert_eq!((primary.num_rows(), primary.num_columns()), (0, 6));
    let exported = CommandGetExportedKeys { catalog: None, db_schema: None, table: table.clone() };
    let imported = CommandGetImportedKeys { catalog: None, db_schema: None, table };
    let cross = CommandGetCrossReference::default();
    let all = [
        fixture.answer(&exported).await.unwrap(),
        fixture.answer(&imported).await.unwrap(),
        fixture.answer(&cross).await.unwrap(),
    ];
    for keys in all {
        assert_eq!((keys.num_rows(), keys.num_columns()), (0, 13));
        assert_eq!(keys.schema().field(11).data_type(), &DataType::UInt8);
    }
}

#[tokio::test]
async fn capabilities_and_types_are_told() {
    let fixture = Fixture::new().await;
    let all = fixture.answer(&CommandGetSqlInfo { info: vec![] }).await.unwrap();
    let numbers = arrow::util::display::array_value_to_string(all.column(1), 18).unwrap();
    assert!(numbers.contains("psi") && numbers.contains("avg"), "{numbers}");
    let times = arrow::util::display::array_value_to_string(all.column(1), 21).unwrap();
    assert!(times.contains("date_bin"), "{times}");
    assert_eq!(fixture.answer(&CommandGetSqlInfo { info: vec![0, 9999] }).await.unwrap().num_rows(), 1);
    let types = fixture.answer(&CommandGetXdbcTypeInfo { data_type: None }).await.unwrap();
    assert_eq!(types.num_rows(), 9);
    let text = fixture.answer(&CommandGetXdbcTypeInfo { data_type: Some(12) }).await.unwrap();
    assert_eq!(text.column(0).as_string::<i32>().value(0), "TEXT");
}
