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

/// Breaks when a mistake in a statement is told in the words of libraries, over several lines, or is called a fault of ours.
#[test]
fn mistakes_are_said_in_one_plain_sentence() {
    let regex = "regex parse error:\n    (\n    ^\nerror: unclosed group";
    let cases = [
        (regex.to_owned(), "\"(\" is no regular expression: unclosed group"),
        (
            format!("Regular expression did not compile: Error(\n~~~\n{regex}\n~~~\n)"),
            "\"(\" is no regular expression: unclosed group",
        ),
        ("Regular expression did not compile: (".to_owned(), "\"(\" is no regular expression"),
        (
            "Regular expression did not compile: CompiledTooBig(10485760)".to_owned(),
            "a regular expression is too large: compiled it takes more than 10485760 bytes",
        ),
        (
            "Compiled regex exceeds size limit of 10485760 bytes.".to_owned(),
            "a regular expression is too large: compiled it takes more than 10485760 bytes",
        ),
        (
            "Parser error: Invalid timezone \"Mars/Olympus\": failed to parse timezone".to_owned(),
            "\"Mars/Olympus\" is no time zone: write one as 'Europe/Berlin', '+02:00' or 'UTC'",
        ),
        (
            "failed to parse timezone Mars/Olympus: ParseError(\"Invalid timezone \\\"Mars/Olympus\\\": x\")"
                .to_owned(),
            "\"Mars/Olympus\" is no time zone: write one as 'Europe/Berlin', '+02:00' or 'UTC'",
        ),
        (
            "Overflow happened on: -719162 * 86400000000000".to_owned(),
            "0001-01-01 is no TIMESTAMP: times lie between 1677-09-21 and 2262-04-11",
        ),
        (
            "Date arithmetic overflow: 18262 - IntervalMonthDayNano { months: 12000000, days: 0, nanoseconds: 0 }"
                .to_owned(),
            "2020-01-01 - INTERVAL '12000000 months' is out of the range of dates",
        ),
        (
            "RecursionLimitExceeded (current limit: 100)".to_owned(),
            "the statement is nested too deeply: the parser goes 100 levels deep",
        ),
    ];
    for (given, wanted) in cases {
        let error = from_datafusion(DataFusionError::External(given.into()));
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Invalid, wanted));
    }
}

/// Breaks when too little memory is told with DataFusion's operators and pools, without the limit, or without what to do.
#[test]
fn too_little_memory_is_said_in_one_sentence() {
    let advice = "raise query_memory or memory, or ask for less";
    let pools = [
        ("fair(pool_size: 1024.0 KB)", "1024.0 KB"),
        ("greedy(used: 95.0 B, pool_size: 100.0 B)", "100.0 B"),
    ];
    for (pool, limit) in pools {
        let given = format!(
            "Additional allocation failed for GroupedHashAggregateStream[1] (count(1)) with top memory consumers (across reservations) \
             as:\n  ExternalSorter[0]#3(can spill: false) consumed 50.0 B, peak 70.0 B.\nError: Failed to allocate additional 150.0 B \
             for AggregateStream[1] with 0.0 B already allocated for this reservation - 5.0 B remain available for the total memory \
             pool: {pool}"
        );
        let error = from_datafusion(DataFusionError::ResourcesExhausted(given));
        let wanted = format!(
            "query needs more memory than its limit: an aggregation asked for 150.0 B more, the limit is {limit}; {advice}"
        );
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::ResourceExhausted, wanted));
    }
}
