use super::*;

// breaks when zero or wrong-sized ids reach a table, or hex is not lower case
#[test]
fn ids_are_lower_case_hex_or_none() {
    assert_eq!(
        SpanId::read(&[0xAB, 1, 2, 3, 4, 5, 6, 0xFF]).valid().expect("valid").as_str(),
        "ab010203040506ff"
    );
    assert_eq!(SpanId::read(&[]), IdField::Absent);
    assert_eq!(SpanId::read(&[0; 8]), IdField::Absent);
    assert_eq!(SpanId::read(&[1; 16]), IdField::WrongLength);
    assert_eq!(TraceId::read(&[1; 8]), IdField::WrongLength);
    assert_eq!(hex(&[0x0A, 0xF0]), "0af0");
}

// breaks when a time is wrapped instead of refused
#[test]
fn times_beyond_2262_are_refused() {
    assert_eq!(time_ns(0), Ok(None));
    assert_eq!(time_ns(i64::MAX as u64), Ok(Some(i64::MAX)));
    assert_eq!(time_ns(i64::MAX as u64 + 1), Err(OutOfRange));
}
