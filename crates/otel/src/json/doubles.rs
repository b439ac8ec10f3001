//! Doubles exactly as they were written.
//!
//! serde_json rounds long decimals to a neighbour of the nearest double unless it is built with `float_roundtrip`, which a library cannot ask for
//! without changing it for the whole program. The reader takes quoted doubles anyway, and those go through the standard library, which is exact:
//! so the long ones are put into quotes first.

use std::borrow::Cow;

/// Up to so many digits and without an exponent, mantissa and power of ten are exact doubles, and so is serde_json's one division.
const EXACT_DIGITS_MAX: usize = 15;

/// The body with quotes around decimals that serde_json would round. Borrowed, as nearly always, when there are none.
pub(super) fn quoted(body: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Vec<u8> = Vec::new();
    let mut copied = 0;
    let mut i = 0;
    while i < body.len() {
        match body[i] {
            b'"' => i = end_of_text(body, i),
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(body, i);
                if is_long_decimal(&body[i..end]) {
                    out.extend_from_slice(&body[copied..i]);
                    out.push(b'"');
                    out.extend_from_slice(&body[i..end]);
                    out.push(b'"');
                    copied = end;
                }
                i = end;
            }
            _ => i += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(body);
    }
    out.extend_from_slice(&body[copied..]);
    Cow::Owned(out)
}

/// Where the text that starts at `start` ends, behind its closing quote.
fn end_of_text(body: &[u8], start: usize) -> usize {
    let mut i = start + 1;
    while i < body.len() {
        match body[i] {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    body.len()
}

fn end_of_number(body: &[u8], start: usize) -> usize {
    let in_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    start + body[start..].iter().take_while(|byte| in_number(byte)).count()
}

fn is_long_decimal(number: &[u8]) -> bool {
    let exponent = number.iter().any(|byte| matches!(byte, b'e' | b'E'));
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    exponent || (number.contains(&b'.') && digits > EXACT_DIGITS_MAX)
}

#[cfg(test)]
mod tests;
