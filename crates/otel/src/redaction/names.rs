//! The names that a rule is about. They are compared as the columns that they become are: without regard to case, and any character but letters
//! and digits is like any other, so `exception_message` and `Exception.Message` are `exception.message`.

use regex::Regex;

/// Stands for any text in a name.
const ANY: char = '*';
/// Stands for one character that separates words.
const SEPARATOR: &str = "(?-i:[^a-zA-Z0-9])";

/// Names of attributes, of which some may be patterns with `*`.
#[derive(Debug)]
pub(super) struct Names(Regex);

impl Names {
    /// # Errors
    /// For more names than an expression may have.
    pub(super) fn new(names: &[String]) -> Result<Self, regex::Error> {
        let names: Vec<String> = names.iter().map(|name| name.chars().map(expression).collect()).collect();
        // a record may itself have what looks like an attribute of its resource
        let owner = format!("(?:(?:resource|scope){SEPARATOR}+)?");
        Regex::new(&format!("(?is)^{owner}(?:{})$", names.join("|"))).map(Self)
    }

    /// Whether a name is among them.
    pub(super) fn hold(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// The expression for one character of a name. Those beyond ASCII are letters of a language, which only their own equals.
fn expression(c: char) -> String {
    match c {
        ANY => ".*".to_owned(),
        c if c.is_alphanumeric() => regex::escape(c.encode_utf8(&mut [0; 4])),
        _ => SEPARATOR.to_owned(),
    }
}
