//! What a baseline keeps of embeddings, and `novelty` with it inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, AsArray, Int64Array, ListArray, RecordBatch, StructArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Float64Type;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{Expr, col};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use super::{create, doubles, session};
use crate::baseline::{Key, Keys, Kind, Operand, References, bind_operands, clusters, takes_baseline};

/// Key and coordinates.
type Row = (i64, Option<Vec<f64>>);

fn table(session: &SessionContext, rows: &[Row], partitions: usize, batch_rows: usize) {
    let embeddings = rows.iter().map(|(_, row)| row.as_ref().map(|row| row.iter().map(|&x| Some(x))));
    let columns: [(&str, ArrayRef); 2] = [
        ("g", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
        ("e", Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(embeddings))),
    ];
    create(session, &columns, partitions, batch_rows);
}

/// What `CREATE BASELINE` measures, by `g` in its order, or whole.
async fn measured(session: &SessionContext, by_group: bool, centroids: usize) -> RecordBatch {
    let keys: Vec<Expr> = by_group.then(|| col("g")).into_iter().collect();
    let rows = session.sql("SELECT * FROM t").await.unwrap();
    let calls = vec![clusters(col("e"), centroids).alias("e")];
    let mut measured = rows.aggregate(keys.clone(), calls).unwrap();
    if by_group {
        measured = measured.sort(vec![col("g").sort(true, true)]).unwrap();
    }
    let batches = measured.collect().await.unwrap();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn read(summary: &ArrayRef, keys: Option<Arc<Keys>>, missed: &Arc<AtomicU64>) -> Option<Arc<References>> {
    let names = ("1", "training", "e");
    References::read(names, Kind::Embedding, summary, keys, Arc::clone(missed)).ok().map(Arc::new)
}

/// `novelty` with a baseline inside, in a session with the same table.
async fn bound(plain: &SessionContext, references: &Arc<References>, key: Key) -> SessionContext {
    let unbound = plain.udf("novelty").unwrap();
    assert!(takes_baseline(&unbound));
    let operand = Operand { references: Arc::clone(references), key };
    let function = bind_operands(&unbound, [None, Some(operand)]).unwrap();
    assert!(!takes_baseline(&function));
    let bound = session(2);
    bound.register_udf(function.as_ref().clone());
    bound.register_table("t", plain.table_provider("t").await.unwrap()).unwrap();
    bound
}

async fn check(rows: &[Row], shuffled: &[Row], batch_rows: usize, centroids: usize) {
    let (one, other) = (session(1), session(3));
    table(&one, rows, 1, 1000);
    table(&other, shuffled, 3, batch_rows);
    for by_group in [false, true] {
        let measured =
            [measured(&one, by_group, centroids).await, measured(&other, by_group, centroids).await];
        assert_eq!(measured[0], measured[1]);
        if by_group {
            continue;
        }
        let references = read(measured[0].column(0), None, &Arc::default()).unwrap();
        let stored = measured[0].column(0).as_struct().column_by_name("centroids").unwrap().clone();
        let lists = RecordBatch::try_from_iter([("c", stored)]).unwrap();
        one.register_batch("stored", lists).unwrap();
        let expected = doubles(&one, "SELECT novelty(e, (SELECT c FROM stored)) FROM t").await;
        let inside = bound(&one, &references, Key::Only).await;
        assert_eq!(doubles(&inside, "SELECT novelty(e) FROM t").await, expected);
        let least = expected.iter().flatten().filter(|distance| **distance >= 0.0).count();
        assert_eq!(least as u64, references.rows()[0].count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    // breaks when centroids depend on batches, partitions, order or partial states, or differ from those given as a list
    #[test]
    fn centroids_depend_on_rows_alone(
        (rows, shuffled) in prop::collection::vec(row(), 1..60)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        batch_rows in 1usize..20,
        centroids in 1usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(&rows, &shuffled, batch_rows, centroids));
    }
}

fn row() -> impl Strategy<Value = Row> {
    let coordinate = prop_oneof![
        8 => -5.0f64..5.0,
        4 => (-2i32..2).prop_map(f64::from),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-0.0)],
    ];
    (0i64..3, prop::option::weighted(0.9, prop::collection::vec(coordinate, 3)))
}

// breaks when a key finds another's centroids, or a missing one is answered or not counted once a row
#[tokio::test]
async fn keys_find_their_centroids() {
    let plain = session(1);
    let rows = [(1, vec![0.0, 0.0]), (2, vec![3.0, 4.0]), (1, vec![0.0, 1.0])].map(|(g, row)| (g, Some(row)));
    table(&plain, &rows, 2, 1);
    let batch = measured(&plain, true, 16).await;
    let keys = Arc::new(Keys::new(vec!["g".into()], vec![Arc::clone(batch.column(0))]).unwrap());
    let missed = Arc::new(AtomicU64::new(0));
    let references = read(batch.column(1), Some(keys), &missed).unwrap();
    let keyed = bound(&plain, &references, Key::Arguments).await;
    let sql = "SELECT novelty(e, k) FROM t, unnest([1, 2, 7]) AS n (k) WHERE e[1] = 3.0 ORDER BY k";
    assert_eq!(doubles(&keyed, sql).await, [Some(18.0f64.sqrt()), Some(0.0), None]);
    assert_eq!(missed.swap(0, Ordering::Relaxed), 1);
    let given = bound(&plain, &references, Key::Given(vec![9i64.into()])).await;
    assert_eq!(doubles(&given, "SELECT novelty(e) FROM t").await, [None; 3]);
    assert_eq!(missed.load(Ordering::Relaxed), 3);
}

// breaks when a struct that no aggregate wrote is believed
#[tokio::test]
async fn damaged_centroids_are_refused() {
    let plain = session(1);
    table(&plain, &[(1, Some(vec![0.0, 1.0])), (1, Some(vec![2.0, 3.0])), (1, None)], 1, 10);
    let batch = measured(&plain, false, 2).await;
    assert!(read(batch.column(0), None, &Arc::default()).is_some());
    let summary = batch.column(0).as_struct();
    let (fields, columns, _) = summary.clone().into_parts();
    for (at, field) in fields.iter().enumerate() {
        let harmless = ["nulls", "nans", "infinities"].contains(&field.name().as_str());
        let mut others = columns.clone();
        others[at] = match columns[at].as_list_opt::<i32>() {
            Some(list) if field.name() == "distances" => {
                let short = list.value(0).slice(0, 3);
                let three = ListArray::from_iter_primitive::<Float64Type, _, _>([Some(
                    short.as_primitive::<Float64Type>().iter().collect::<Vec<_>>(),
                )]);
                Arc::new(three)
            }
            Some(_) => arrow::array::new_null_array(field.data_type(), 1),
            None => Arc::new(Int64Array::from(vec![1])),
        };
        let other: ArrayRef = Arc::new(StructArray::try_new(fields.clone(), others, None).unwrap());
        assert_eq!(read(&other, None, &Arc::default()).is_some(), harmless, "{}", field.name());
    }
}
