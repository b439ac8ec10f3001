use arrow::array::{ArrayRef, DictionaryArray, StringArray, StringViewArray};
use arrow::datatypes::Int32Type;
use arrow_flight::utils::flight_data_to_batches;

use super::*;
use crate::encode::Types;

/// What a Go client refuses by default, in bytes.
const GRPC_DEFAULT_BYTES: usize = 4 << 20;

fn encoder(batch: &RecordBatch) -> Encoder {
    Encoder::new(Layout::new(&batch.schema(), Types::Plain), MESSAGE_BYTES_MAX)
}

fn one_column(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([("c", column)]).expect("one column")
}

/// Encodes, checks that the answer comes back whole, and returns the encoded sizes of its messages.
fn sizes(batch: &RecordBatch) -> Vec<usize> {
    let mut encoder = encoder(batch);
    let mut messages = vec![encoder.schema_message()];
    messages.extend(encoder.encode(batch).expect("rows that fit"));
    let sizes: Vec<usize> = messages.iter().map(Message::encoded_len).collect();
    let read = flight_data_to_batches(&messages).expect("an answer that can be read");
    let whole = arrow::compute::concat_batches(encoder.layout.schema(), &read).expect("one schema");
    assert_eq!(whole, encoder.layout.convert(batch).expect("types that can be sent"));
    assert!(sizes.iter().all(|bytes| *bytes <= MESSAGE_BYTES_MAX), "{sizes:?}");
    sizes
}

/// Goes red when the buffers behind views travel with every message: 10 MB of text were 68 MiB on the wire.
#[test]
fn views_weigh_what_their_text_does() {
    let texts: Vec<String> = (0..100_000).map(|i| format!("{i:0>100}")).collect();
    let batch = one_column(Arc::new(StringViewArray::from_iter_values(&texts)));
    let all = sizes(&batch);
    assert!(all.iter().sum::<usize>() < 11 << 20, "{all:?}");
    let slice = sizes(&batch.slice(50_000, 10));
    assert!(slice.len() == 2 && slice[1] < 4096, "{slice:?}");
}

/// Goes red when a slice is cut by the weight of its parent.
#[test]
fn a_slice_is_one_message() {
    let texts: Vec<String> = (0..100_000).map(|i| format!("{i:0>100}")).collect();
    let batch = one_column(Arc::new(StringArray::from(texts)));
    let slice = sizes(&batch.slice(99_990, 10));
    assert!(slice.len() == 2 && slice[1] < 4096, "{slice:?}");
}

/// Goes red when rows are split by their number alone: nine heavy rows at the end were one message of 5 MiB.
#[test]
fn heavy_rows_are_split_where_they_are() {
    let heavy = "x".repeat(600_000);
    let texts = (0..1000).map(|i| if i < 991 { "light" } else { heavy.as_str() });
    let all = sizes(&one_column(Arc::new(StringArray::from_iter_values(texts))));
    assert!(all.len() < 20, "{all:?}");
    let dictionary: DictionaryArray<Int32Type> =
        (0..1000).map(|i| if i % 2 == 0 { "light" } else { heavy.as_str() }).collect();
    sizes(&one_column(Arc::new(dictionary)).slice(0, 40));
}

/// Goes red when a value of 2 MB is refused, or one over the limit is cut or sent.
#[test]
fn a_row_over_the_limit_is_an_error_that_names_the_column() {
    sizes(&one_column(Arc::new(StringArray::from(vec!["x".repeat(2_000_000); 3]))));
    let batch = one_column(Arc::new(StringArray::from(vec!["x".repeat(GRPC_DEFAULT_BYTES)])));
    let error = encoder(&batch).encode(&batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    assert!(error.to_string().contains("most of them in column \"c\""), "{error}");
}

#[test]
fn a_batch_without_rows_is_no_message() {
    let batch = one_column(Arc::new(StringArray::from(vec!["x"]))).slice(0, 0);
    assert!(encoder(&batch).encode(&batch).unwrap().is_empty());
}
