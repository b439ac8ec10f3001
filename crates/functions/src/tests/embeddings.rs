//! The functions over embeddings against numpy and scipy.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, FixedSizeListArray, ListArray};
use arrow::datatypes::{Float32Type, Float64Type};

use super::{assert_close, create, doubles, failure, golden, session};

// breaks when: a formula, the draw of random features or the root of the covariances is not the reference's
#[tokio::test]
async fn embeddings_agree_with_scipy() {
    let session = session(1);
    let file = golden::read("embeddings.json");
    for (name, set) in file["sets"].as_object().unwrap() {
        let vectors = |side: &str| -> Vec<Vec<f64>> {
            set[side].as_array().unwrap().iter().map(golden::numbers).collect()
        };
        let (reference, current) = (vectors("reference"), vectors("current"));
        let flags = (0..reference.len() + current.len()).map(|row| Some(row >= reference.len()));
        let flags: ArrayRef = Arc::new(BooleanArray::from_iter(flags));
        let rows: Vec<Vec<f64>> = reference.into_iter().chain(current).collect();
        let dimension = rows[0].len() as i32;
        let doubles_of = |row: &Vec<f64>| Some(row.iter().copied().map(Some).collect::<Vec<_>>());
        // the golden coordinates are FLOATs too
        let floats_of = |row: &Vec<f64>| Some(row.iter().map(|&x| Some(x as f32)).collect::<Vec<_>>());
        let lists: [ArrayRef; 3] = [
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows.iter().map(doubles_of))),
            Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows.iter().map(floats_of))),
            Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
                rows.iter().map(floats_of),
                dimension,
            )),
        ];
        for list in lists {
            create(&session, &[("e", list), ("cur", Arc::clone(&flags))], 1, 32);
            for (call, expected) in set["expect"].as_object().unwrap() {
                let ours = doubles(&session, &format!("SELECT {call} FROM t")).await[0].unwrap();
                assert_close(ours, expected.as_f64().unwrap(), &format!("{name}: {call}"));
            }
        }
    }
}

// breaks when: what does not fit is counted, or gives a number
#[tokio::test]
async fn embeddings_that_do_not_fit() {
    let session = session(1);
    let rows = |values: &str, call: &str| format!("SELECT {call} FROM (VALUES {values}) AS t (e, cur)");
    for call in ["centroid_drift(e, cur)", "mmd_rff(e, cur)", "frechet_distance(e, cur, 'ddof=0')"] {
        let one_side =
            rows("([1.0, 2.0], false), (NULL, true), ([1.0, 3.0], NULL), ([NULL, 1.0], true)", call);
        assert_eq!(doubles(&session, &one_side).await, [None], "{call}");
        let nan = rows("([1.0, 2.0], false), (['NaN'::DOUBLE, 1.0], true)", call);
        assert_eq!(doubles(&session, &nan).await, [None], "{call}");
        let twice = rows("([1, 2], false), ([1, 2], true), (['NaN'::DOUBLE], true)", call);
        assert_eq!(doubles(&session, &twice).await, [Some(0.0)], "{call}");
        let huge = rows("([1e308], false), ([1e308], false), ([-1e308], true), ([-1e308], true)", call);
        assert!(doubles(&session, &huge).await[0].is_none_or(f64::is_finite), "{call}");
        let lengths = rows("([1.0], false), ([1.0, 2.0], true)", call);
        let message = failure(&session, &lengths).await;
        assert!(message.contains("must have one length, got 1 and 2"), "{message}");
    }
    let one = rows("([1.0], false), ([2.0], true)", "frechet_distance(e, cur)");
    assert_eq!(doubles(&session, &one).await, [None], "one row has no covariance over n - 1");
    let wide = "SELECT frechet_distance(array_resize([1.0], 1025, 0.5), true)";
    assert!(failure(&session, wide).await.contains("at most 1024 coordinates, got 1025"));
    let many = "SELECT mmd_rff(array_resize([1.0], 1025, 0.5), true, 'features=16384')";
    assert!(failure(&session, many).await.contains("at most 16777216, got 16384 times 1025"));
}
