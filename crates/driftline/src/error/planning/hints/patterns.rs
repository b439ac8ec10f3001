//! Regular expressions that are none: the crate draws them over several lines.

/// How the drawing begins, and what stands before the reason at its end.
const DRAWING: &str = "regex parse error:";
const REASON: &str = "error: ";
const NOT_COMPILED: &str = "regular expression did not compile: ";

pub(super) fn said(message: &str) -> Option<String> {
    too_large(message).or_else(|| not_valid(message))
}

fn not_valid(message: &str) -> Option<String> {
    let drawing = match message.strip_prefix(NOT_COMPILED) {
        Some(rest) if rest.contains(DRAWING) => rest,
        Some(pattern) => return Some(format!("\"{}\" is no regular expression", pattern.escape_debug())),
        None => message.starts_with(DRAWING).then_some(message)?,
    };
    let mut lines = drawing.lines().skip_while(|line| *line != DRAWING).skip(1);
    let pattern = lines.next()?.trim_start();
    let reason = drawing.lines().rev().find_map(|line| line.strip_prefix(REASON))?;
    // a pattern of several lines is drawn with their numbers
    match lines.next()?.trim_start().starts_with('^') {
        true => Some(format!("\"{}\" is no regular expression: {reason}", pattern.escape_debug())),
        false => Some(format!("a text is no regular expression: {reason}")),
    }
}

fn too_large(message: &str) -> Option<String> {
    let compiled = message
        .strip_prefix("compiled regex exceeds size limit of ")
        .and_then(|rest| rest.strip_suffix(" bytes"));
    let debug = message.strip_prefix(NOT_COMPILED).and_then(|rest| rest.strip_prefix("CompiledTooBig("));
    let bytes: u64 = compiled.or(debug.and_then(|rest| rest.strip_suffix(')')))?.parse().ok()?;
    Some(format!("a regular expression is too large: compiled it takes more than {bytes} bytes"))
}
