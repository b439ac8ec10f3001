use arrow::array::{AsArray, Float64Array, Int64Array, MapBuilder, StringViewArray};

use super::*;

/// Three rows: two entries out of order, an empty map, NULL.
fn map() -> ArrayRef {
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for (key, value) in [("n", "41"), ("b", "\"x\"")] {
        map.keys().append_value(key);
        map.values().append_value(value);
    }
    map.append(true).unwrap();
    map.append(true).unwrap();
    map.append(false).unwrap();
    Arc::new(map.finish())
}

fn shown(array: &ArrayRef) -> Vec<String> {
    let map = AttributeMap::new(array).unwrap();
    let row = |row: usize| {
        let entries: Vec<String> =
            map.entries(row).map(|at| format!("{}={}", map.key(at), map.value(at).unwrap())).collect();
        if map.is_valid(row) { entries.join(" ") } else { "NULL".to_owned() }
    };
    (0..map.rows()).map(row).collect()
}

// breaks when a value of a column is missing from the attributes, stands beside that of the map, or shows where it lies by its place
#[test]
fn the_whole_map_has_what_lies_in_columns() {
    let n: ArrayRef = Arc::new(Float64Array::from(vec![Some(41.0), Some(0.5), None]));
    let a: ArrayRef = Arc::new(StringViewArray::from(vec![Some("\""), None, Some("z")]));
    let whole = whole(&map(), &[("n", n), ("a", a)]).unwrap();
    assert_eq!(shown(&whole), ["a=\"\\\"\" b=\"x\" n=41", "n=0.5", "a=\"z\""]);
    assert_eq!(shown(&super::whole(&map(), &[]).unwrap()), ["b=\"x\" n=41", "", "NULL"]);
}

// breaks when one attribute is not what the whole map says of it
#[test]
fn one_attribute_is_the_map_s_or_the_column_s() {
    let n: ArrayRef = Arc::new(Int64Array::from(vec![Some(7), Some(8), None]));
    let texts = |array: ArrayRef| -> Vec<Option<String>> {
        array.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(texts(one(3, "n", Some(&map()), Some(&n))), [some("41"), some("8"), None]);
    assert_eq!(texts(one(3, "b", Some(&map()), None)), [some("x"), None, None]);
    assert_eq!(texts(one(3, "b", None, None)), [None, None, None]);
}
