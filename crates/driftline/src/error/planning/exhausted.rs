//! Too little memory or disk: DataFusion tells it in several lines of its operators and pools.

/// What the operators that ask for memory do, by a part of their names.
const OPERATORS: [(&str, &str); 8] = [
    ("Aggregate", "an aggregation"),
    ("Sort", "a sort"),
    ("TopK", "a sort"),
    ("Join", "a join"),
    ("SMJ", "a join"),
    ("Recursive", "a recursive query"),
    ("ParquetSink", "writing a file"),
    ("Buffer", "a join"),
];

/// The message in a sentence.
pub(super) fn said(message: &str) -> String {
    memory(message).or_else(|| disk(message)).unwrap_or_else(|| {
        let first = message.lines().next().unwrap_or_default();
        format!("query needs more memory than its limit: {first}")
    })
}

fn memory(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("ailed to allocate additional ")?;
    let (asked, rest) = rest.split_once(" for ")?;
    let (operator, rest) = rest.split_once(" with ")?;
    let (_, limit) = rest.split_once("pool_size: ")?;
    let (limit, _) = limit.split_once(')')?;
    let known = OPERATORS.iter().find(|(part, _)| operator.contains(part));
    let operator = known.map_or("an operator", |(_, what)| what);
    Some(format!(
        "query needs more memory than its limit: {operator} asked for {asked} more, the limit is {limit}; raise query_memory or memory, \
         or ask for less"
    ))
}

fn disk(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("exceeded the allowable limit of ")?;
    let (limit, _) = rest.split_once(". ")?;
    Some(format!(
        "query needs more disk than its limit: what it spills may take {limit}; raise spill, or ask for less"
    ))
}
