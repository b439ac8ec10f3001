use super::*;

/// Breaks when a message keeps DataFusion's prefixes or loses the position of a syntax error.
#[test]
fn messages_are_lower_case_and_keep_the_position() {
    let cases = [
        ("Error during planning: Invalid function 'foo'.", "invalid function 'foo'"),
        (
            "SQL error: ParserError(\"Expected: an expression, found: EOF at Line: 1, Column: 7\")",
            "expected: an expression, found: EOF at line 1, column 7",
        ),
        ("Arrow error: Compute error: Overflow happened on: 1 + 2", "overflow happened on: 1 + 2"),
        ("UDF was wrong", "UDF was wrong"),
    ];
    for (given, wanted) in cases {
        assert_eq!(clean(given), wanted);
    }
}

/// Breaks when far names are suggested or near ones are not.
#[test]
fn only_near_names_are_suggested() {
    assert_eq!(nearest("spanz", ["logs", "spans", "metrics"]), " (did you mean \"spans\"?)");
    assert_eq!(nearest("Confidence", ["confidence"]), " (did you mean \"confidence\"?)");
    assert_eq!(nearest("zzz", ["spans", "logs"]), "");
    assert_eq!(nearest("x", []), "");
}

/// Breaks when an error of ours that travelled through DataFusion loses its kind.
#[test]
fn our_errors_survive_the_journey() {
    let ours = Error::new(ErrorKind::Corrupted, "segment x is damaged");
    let wrapped =
        DataFusionError::Context("while reading".into(), Box::new(DataFusionError::External(Box::new(ours))));
    let shared = DataFusionError::Shared(std::sync::Arc::new(wrapped));
    let keep_shared = match &shared {
        DataFusionError::Shared(inner) => DataFusionError::Shared(std::sync::Arc::clone(inner)),
        _ => unreachable!("made above"),
    };
    for error in [shared, keep_shared] {
        let mapped = from_datafusion(error);
        assert_eq!(mapped.kind(), ErrorKind::Corrupted);
        assert_eq!(mapped.to_string(), "segment x is damaged");
    }
}
