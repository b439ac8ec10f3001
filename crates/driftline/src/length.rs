//! Lengths of time as statements write them: `'30 days'`, `'6 hours'`, `'5 minutes'`, `'90s'`.

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// The seconds of a length: a whole number and a unit. `None` is no length, or one beyond all numbers.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "second" | "seconds" | "sec" | "s" => 1,
        "minute" | "minutes" | "min" | "m" => MINUTE,
        "hour" | "hours" | "h" => HOUR,
        "day" | "days" | "d" => DAY,
        "week" | "weeks" | "w" => WEEK,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}

/// The same in the largest unit that has it whole.
pub(crate) fn shown(seconds: i64) -> String {
    let (number, unit) = match seconds {
        0 => (0, "second"),
        seconds if seconds % DAY == 0 => (seconds / DAY, "day"),
        seconds if seconds % HOUR == 0 => (seconds / HOUR, "hour"),
        seconds if seconds % MINUTE == 0 => (seconds / MINUTE, "minute"),
        seconds => (seconds, "second"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}
