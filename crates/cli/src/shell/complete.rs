//! Completion and colour while a statement is typed.

use std::borrow::Cow;

use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::{Context, Helper, Hinter, Validator};

use super::words::{Words, is_keyword};

/// Completions shown at most.
const COMPLETIONS_MAX: usize = 200;

#[derive(Helper, Hinter, Validator)]
pub(super) struct ShellHelper {
    words: Words,
    colour: bool,
}

impl ShellHelper {
    pub(super) fn new(words: Words, colour: bool) -> Self {
        Self { words, colour }
    }
}

impl Completer for ShellHelper {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let start = line[..position]
            .rfind(|c: char| !is_word(c))
            .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
        let word = &line[start..position];
        if word.is_empty() {
            return Ok((start, Vec::new()));
        }
        let mut found = self.words.matching(word, line);
        found.truncate(COMPLETIONS_MAX);
        Ok((start, found))
    }
}

impl Highlighter for ShellHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if !self.colour {
            return Cow::Borrowed(line);
        }
        let mut painted = String::with_capacity(line.len() + 32);
        let mut quote = None;
        let mut rest = line;
        while let Some(next) = rest.chars().next() {
            if quote.is_none() && is_word(next) {
                let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                let word = &rest[..end];
                if is_keyword(word) {
                    painted.push_str("\x1b[1m");
                    painted.push_str(word);
                    painted.push_str("\x1b[0m");
                } else {
                    painted.push_str(word);
                }
                rest = &rest[end..];
                continue;
            }
            match quote {
                None if next == '\'' || next == '"' => quote = Some(next),
                Some(open) if open == next => quote = None,
                _ => {}
            }
            painted.push(next);
            rest = &rest[next.len_utf8()..];
        }
        Cow::Owned(painted)
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.colour && kind != CmdKind::MoveCursor
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
