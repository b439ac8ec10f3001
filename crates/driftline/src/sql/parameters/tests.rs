use super::number;

/// Breaks when a place is taken for a number that it is not.
#[test]
fn places_have_numbers() {
    assert_eq!(number("$1").ok(), Some(1));
    assert_eq!(number("$65535").ok(), Some(65_535));
    for wrong in ["$0", "$x", "$65536", "$-1", "?", "", "$"] {
        let message = number(wrong).expect_err(wrong).to_string();
        assert_eq!(message, format!("parameters are written ? or $1, $2, ... up to $65535, got {wrong}"));
    }
}
