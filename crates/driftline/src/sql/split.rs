//! Splits a script into statements: at semicolons outside of quotes, comments and dollar quotes. Text can come in pieces, so that
//! a shell answers each statement as soon as its semicolon is read.

/// Collects text and gives out the statements that are complete.
///
/// # Example
/// ```
/// let mut splitter = driftline::StatementSplitter::default();
/// assert_eq!(splitter.push("SELECT 1; SELECT ';'"), ["SELECT 1"]);
/// assert_eq!(splitter.push(" AS x;"), ["SELECT ';' AS x"]);
/// assert_eq!(splitter.finish(), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct StatementSplitter {
    text: String,
    /// How far `text` has been read.
    read: usize,
    state: State,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum State {
    #[default]
    Plain,
    /// Inside of `'...'` or `"..."`.
    Quoted(char),
    LineComment,
    /// Inside of `/* ... */`, so many levels deep.
    BlockComment(usize),
    /// Inside of `$tag$ ... $tag$`; the delimiter with its dollars.
    Dollar(String),
}

impl StatementSplitter {
    /// Adds text and returns the statements that it completes, without their semicolons and surrounding white space.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.text.push_str(text);
        let mut statements = vec![];
        while let Some(end) = self.find_end() {
            let statement = self.text[..end].trim().to_owned();
            self.text.drain(..=end);
            self.read = 0;
            if !is_blank(&statement) {
                statements.push(statement);
            }
        }
        statements
    }

    /// Returns what is left when the text has ended: a last statement without a semicolon.
    pub fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(self).text.trim().to_owned();
        (!is_blank(&rest)).then_some(rest)
    }

    /// Whether nothing but white space and comments waits for its semicolon.
    pub fn is_empty(&self) -> bool {
        is_blank(&self.text)
    }

    /// Reads on to the next semicolon that ends a statement and returns where it stands.
    fn find_end(&mut self) -> Option<usize> {
        while let Some(next) = self.text[self.read..].chars().next() {
            let rest = &self.text[self.read..];
            let mut step = next.len_utf8();
            match &mut self.state {
                State::Plain => match next {
                    ';' => return Some(self.read),
                    '\'' | '"' => self.state = State::Quoted(next),
                    '-' | '/' | '$' if rest.len() == 1 => return None,
                    '-' if rest.starts_with("--") => self.state = State::LineComment,
                    '/' if rest.starts_with("/*") => {
                        self.state = State::BlockComment(1);
                        step = 2;
                    }
                    '$' => match dollar_tag(rest) {
                        Dollar::Tag(tag) => {
                            step = tag.len();
                            self.state = State::Dollar(tag);
                        }
                        Dollar::Unfinished => return None,
                        Dollar::No => {}
                    },
                    _ => {}
                },
                State::Quoted(quote) if next == *quote => self.state = State::Plain,
                State::LineComment if next == '\n' => self.state = State::Plain,
                State::BlockComment(_) if (next == '*' || next == '/') && rest.len() == 1 => return None,
                State::BlockComment(depth) if rest.starts_with("*/") => {
                    step = 2;
                    *depth -= 1;
                    if *depth == 0 {
                        self.state = State::Plain;
                    }
                }
                State::BlockComment(depth) if rest.starts_with("/*") => {
                    step = 2;
                    *depth += 1;
                }
                State::Dollar(tag) if rest.starts_with(tag.as_str()) => {
                    step = tag.len();
                    self.state = State::Plain;
                }
                State::Dollar(tag) if next == '$' && rest.len() < tag.len() => return None,
                _ => {}
            }
            self.read += step;
        }
        None
    }
}

/// Splits a whole script into its statements, without their semicolons.
///
/// # Example
/// ```
/// let script = "SELECT 1; -- a comment; not a statement\nSELECT 'a;b'";
/// let statements = driftline::split_statements(script);
/// assert_eq!(statements, ["SELECT 1", "-- a comment; not a statement\nSELECT 'a;b'"]);
/// ```
pub fn split_statements(script: &str) -> Vec<String> {
    let mut splitter = StatementSplitter::default();
    let mut statements = splitter.push(script);
    statements.extend(splitter.finish());
    statements
}

enum Dollar {
    Tag(String),
    Unfinished,
    No,
}

/// The delimiter `$tag$` or `$$` at the start of a text.
fn dollar_tag(text: &str) -> Dollar {
    let name_length = text[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len() - 1);
    match text[1 + name_length..].chars().next() {
        Some('$') if !text[1..].starts_with(|c: char| c.is_ascii_digit()) => {
            Dollar::Tag(text[..name_length + 2].to_owned())
        }
        Some(_) => Dollar::No,
        None => Dollar::Unfinished,
    }
}

/// Whether a text has nothing but white space and comments.
fn is_blank(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        if rest.is_empty() {
            return true;
        }
        if rest.starts_with("--") {
            rest = rest.find('\n').map_or("", |end| rest[end..].trim_start());
        } else if rest.starts_with("/*") {
            match rest.find("*/") {
                Some(end) => rest = rest[end + 2..].trim_start(),
                None => return false,
            }
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests;
