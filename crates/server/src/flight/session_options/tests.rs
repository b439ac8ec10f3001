use super::*;

fn text(text: &str) -> SessionOptionValue {
    SessionOptionValue { option_value: Some(OptionValue::String(text.to_owned())) }
}

/// Goes red when a driver that names the catalog as it connects is refused, or one that names another is not.
#[test]
fn options_can_be_set_to_what_they_are() {
    let options = [("catalog", "driftline"), ("schema", "other"), ("timezone", "UTC")];
    let options = options.map(|(name, value)| (name.to_owned(), text(value)));
    let answer = set(&SetSessionOptionsRequest { session_options: options.into() }.encode_to_vec()).unwrap();
    let errors = SetSessionOptionsResult::decode(answer.as_slice()).unwrap().errors;
    let expected = [("schema".to_owned(), INVALID_VALUE), ("timezone".to_owned(), INVALID_NAME)];
    assert_eq!(
        errors.into_iter().map(|(name, error)| (name, error.value)).collect::<HashMap<_, _>>(),
        expected.into()
    );
    assert!(set(b"\xff\xff").is_err());
}

#[test]
fn options_can_be_read() {
    let options = GetSessionOptionsResult::decode(get().as_slice()).unwrap().session_options;
    assert_eq!(options.get("catalog"), Some(&text("driftline")));
    assert_eq!(CloseSessionResult::decode(close().as_slice()).unwrap().status, CLOSED);
}
