//! Times, dates, intervals, time zones and formats, where the message speaks of how they are represented.

use chrono::NaiveDate;

/// The times that there are.
const RANGE: &str = "times lie between 1677-09-21 and 2262-04-11";
/// An interval as Rust shows it.
const INTERVAL: &str = "IntervalMonthDayNano { ";
const DAY_NS: &str = "86400000000000";

pub(super) fn said(message: &str) -> Option<String> {
    moment(message).or_else(|| range(message)).or_else(|| zone(message)).or_else(|| format(message))
}

fn moment(message: &str) -> Option<String> {
    let is_unclear = message.ends_with("Cannot cast timezone to different timezone");
    let change = "the clock of its time zone skips it, or shows it twice";
    is_unclear.then(|| format!("a local time is not one moment: {change}"))
}

/// A time or date that is too far.
fn range(message: &str) -> Option<String> {
    if let Some((_, overflow)) = message.split_once("Overflow converting ") {
        let (time, _) = overflow.split_once(" to Nanosecond. The dates that")?;
        return Some(format!("{time} is no TIMESTAMP: {RANGE}"));
    }
    if message.starts_with("the dates that can be represented as nanoseconds have to be between") {
        return Some(format!("a time is no TIMESTAMP: {RANGE}"));
    }
    let days = message
        .strip_prefix("cannot cast Date32 value ")
        .and_then(|rest| rest.split_once(" to Timestamp(ns)"));
    let product = message.strip_prefix("overflow happened on: ").and_then(|rest| rest.split_once(" * "));
    if let Some((days, _)) = days.or(product.filter(|(_, factor)| *factor == DAY_NS)) {
        return Some(format!("{} is no TIMESTAMP: {RANGE}", date(days)?));
    }
    let sum = message.strip_prefix("date arithmetic overflow: ")?;
    let (days, step) = sum.split_once(' ')?;
    let (sign, step) = step.split_once(' ')?;
    Some(format!("{} {sign} {} is out of the range of dates", date(days)?, interval(step)?))
}

/// A date by its days since 1970.
fn date(days: &str) -> Option<NaiveDate> {
    NaiveDate::from_epoch_days(days.parse().ok()?)
}

/// `INTERVAL '12 months'`
fn interval(text: &str) -> Option<String> {
    let parts = text.strip_prefix(INTERVAL)?.strip_suffix(" }")?;
    let parts: Option<Vec<(&str, &str)>> = parts.split(", ").map(|part| part.split_once(": ")).collect();
    let parts: Vec<String> = parts?
        .into_iter()
        .filter(|(_, number)| *number != "0")
        .map(|(unit, number)| format!("{number} {unit}"))
        .collect();
    Some(format!("INTERVAL '{}'", parts.join(" ")))
}

fn zone(message: &str) -> Option<String> {
    let starts = ["parser error: Invalid timezone \"", "Parser error: Invalid timezone \""];
    let zone =
        starts.iter().find_map(|start| message.strip_prefix(start)).and_then(|rest| rest.split_once('"'));
    let debug = message
        .starts_with("failed to parse timezone ")
        .then(|| message.split_once("ParseError(\"Invalid timezone \\\""));
    let debug = debug.flatten().and_then(|(_, rest)| rest.split_once("\\\""));
    let (zone, _) = zone.or(debug)?;
    Some(format!("\"{zone}\" is no time zone: write one as 'Europe/Berlin', '+02:00' or 'UTC'"))
}

fn format(message: &str) -> Option<String> {
    let is_format = message == "cast error: Format error";
    is_format.then(|| "a format of a time is not valid: it is written as in '%Y-%m-%d %H:%M:%S'".to_owned())
}
