use arrow::array::AsArray;
use arrow::datatypes::UInt32Type;

use super::*;

fn names(batch: &RecordBatch) -> Vec<u32> {
    batch.column(0).as_primitive::<UInt32Type>().values().to_vec()
}

/// Goes red when an entry comes before the keywords: Grafana's editor would take a list of functions for another.
#[test]
fn the_keywords_are_row_seventeen() {
    let all = info(&["psi", "date_bin", "lower", "version"], Role::Read).build().unwrap();
    let batch = all.record_batch([]).unwrap();
    assert_eq!(names(&batch)[17..22], [508, 509, 510, 511, 512]);
    let lists: Vec<String> = (18..22)
        .map(|row| arrow::util::display::array_value_to_string(batch.column(1), row).unwrap())
        .collect();
    assert_eq!(
        lists,
        [
            "{string_list=[psi]}",
            "{string_list=[lower]}",
            "{string_list=[version]}",
            "{string_list=[date_bin]}"
        ]
    );
}

/// Goes red when an entry is missing without which a client does not connect.
#[test]
fn what_clients_ask_for_is_there() {
    let all = info(&[], Role::Admin).build().unwrap();
    let asked = [0, 2, 3, 8, 504];
    let batch = all.record_batch(asked).unwrap();
    assert_eq!(names(&batch), asked);
    // the driver of ADBC reads the transaction's kind as a bit mask, and the name as a text
    assert_eq!(batch.column(1).as_union().type_ids()[..], [0, 0, 1, 3, 0]);
}
