use arrow::array::{Int32Array, StringArray, StringViewArray};

use super::*;

/// The rows with the given codes, over as many values as asked for.
fn coded(codes: Vec<Option<i32>>, values: usize) -> ArrayRef {
    let values = StringArray::from_iter_values((0..values).map(|value| format!("value {value}")));
    let array = DictionaryArray::<Int32Type>::new(Int32Array::from(codes), Arc::new(values));
    narrow(&(Arc::new(array) as ArrayRef)).unwrap()
}

/// Would break if codes were cut off where there are as many values as a byte or two tell apart, or one more.
#[test]
fn codes_take_as_many_bytes_as_they_need() {
    for (values, key) in [
        (1, DataType::UInt8),
        (256, DataType::UInt8),
        (257, DataType::UInt16),
        (65_536, DataType::UInt16),
        (65_537, DataType::Int32),
    ] {
        let last = values as i32 - 1;
        let array = coded(vec![Some(last), None, Some(0)], values);
        assert_eq!(array.as_any_dictionary().keys().data_type(), &key);
        let texts = cast(&array, &DataType::Utf8View).unwrap();
        let expected = [Some(format!("value {last}")), None, Some("value 0".to_owned())];
        assert_eq!(texts.as_string_view(), &StringViewArray::from_iter(expected));
    }
}

/// Would break if a row without a value had the answer of a value, or a value that of NULL.
#[test]
fn rows_have_the_answer_of_their_value() {
    for values in [3, 300, 70_000] {
        let codes = vec![Some(2), None, Some(0), Some(1), None, Some(values - 1)];
        let array = coded(codes.clone(), values as usize);
        for of_null in [false, true] {
            for wanted in [vec![], vec![0], vec![2, 1], (0..values).collect()] {
                let answers = (0..values).map(|value| wanted.contains(&value)).chain([of_null]);
                let answers: BooleanArray = answers.map(Some).collect();
                let expected = codes.iter().map(|code| code.map_or(of_null, |code| wanted.contains(&code)));
                let found = rows_where(&array, &answers).unwrap();
                assert_eq!(
                    found,
                    expected.map(Some).collect::<BooleanArray>(),
                    "{values} {of_null} {wanted:?}"
                );
            }
        }
    }
}

/// Would break if a column of which no value is in the dictionary, for there is none, were looked up in it.
#[test]
fn rows_without_any_value_have_the_answer_of_null() {
    let array = coded(vec![None; 3], 0);
    let found = rows_where(&array, &BooleanArray::from(vec![true])).unwrap();
    assert_eq!(found, BooleanArray::from(vec![true; 3]));
    assert_eq!(values_and_null(&array, &DataType::Utf8View).unwrap().len(), 1);
}
