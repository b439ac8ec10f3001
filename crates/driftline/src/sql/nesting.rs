//! How deep a statement may nest, and room for those that do.
//!
//! Parsers, planners and plans are recursive: `1 + 1 + 1 + ...` is a tree as deep as it is long, and so are a chain of joins and one
//! of UNION. Where the stack ends, the process ends. So the tokens are looked at before anything is built of them, and what is built
//! has a larger stack than a thread may have left.

use std::pin::Pin;
use std::task::{Context, Poll};

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::cursor::place;
use crate::error::{Error, Result};

/// How deep operators, brackets, joins and set operations may lie in each other.
pub(crate) const NESTING_MAX: usize = 500;

/// How many queries the WITH clauses of a statement may name together: each can stand on the one before.
const WITH_QUERIES_MAX: usize = 500;

/// What a statement is planned in: so much is enough for the deepest, in debug builds, too. Memory that is not touched costs nothing.
const STACK_BYTES: usize = 32 << 20;
/// A thread that has so much left needs no other stack.
const ROOM_BYTES: usize = 12 << 20;

/// How many levels one join or set operation counts: those that run pass every row through each other.
const JOIN_LEVELS: usize = 4;

/// Fails for a statement that nests too deeply, from its tokens alone.
///
/// It takes every operator of a chain for a level, which left-associative ones are.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut levels = vec![Level::default()];
    let (mut with_queries, mut after_as) = (0, false);
    for TokenWithSpan { token, span } in
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)))
    {
        with_queries += usize::from(after_as && *token == Token::LParen);
        after_as =
            matches!(token, Token::Word(word) if matches!(word.keyword, Keyword::AS | Keyword::MATERIALIZED));
        if with_queries > WITH_QUERIES_MAX {
            return Err(Error::invalid(format!(
                "a statement has at most {WITH_QUERIES_MAX} queries in WITH{}",
                place(span.start)
            )));
        }
        take(&mut levels, token);
        let open = levels.len() - 1;
        let deepest = levels.last().map_or(0, Level::height).max(open);
        if deepest > NESTING_MAX {
            return Err(Error::invalid(format!(
                "the statement nests more than {NESTING_MAX} deep{}: so many operators, joins and set operations may follow each \
                 other; a long list is better written with IN or VALUES",
                place(span.start)
            )));
        }
    }
    Ok(())
}

/// What stands between two brackets, or between CASE and END.
#[derive(Debug, Default)]
struct Level {
    /// The depth of the expression that is being read, and of the deepest before it.
    expression: usize,
    expressions: usize,
    joins: usize,
    sets: usize,
    in_from: bool,
    is_case: bool,
    /// Whether the last word was DISTINCT: then FROM begins no clause.
    after_distinct: bool,
}

impl Level {
    fn height(&self) -> usize {
        self.expression.max(self.expressions) + self.joins + self.sets
    }

    /// The next expression begins.
    fn next(&mut self) {
        self.expressions = self.expressions.max(self.expression);
        self.expression = 0;
    }
}

fn take(levels: &mut Vec<Level>, token: &Token) {
    let Some(level) = levels.last_mut() else { return };
    let after_distinct = std::mem::take(&mut level.after_distinct);
    match token {
        Token::LParen | Token::LBrace => levels.push(Level::default()),
        Token::LBracket => {
            level.expression += 1;
            levels.push(Level::default());
        }
        Token::RParen | Token::RBrace | Token::RBracket => close(levels),
        Token::Comma => {
            level.joins += JOIN_LEVELS * usize::from(level.in_from);
            level.next();
        }
        Token::Word(word) => match word.keyword {
            Keyword::CASE => levels.push(Level { is_case: true, ..Level::default() }),
            Keyword::END if level.is_case => close(levels),
            Keyword::SELECT => {
                level.next();
                level.in_from = false;
            }
            Keyword::DISTINCT => level.after_distinct = true,
            Keyword::FROM if !after_distinct => {
                level.next();
                level.in_from = true;
            }
            Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::QUALIFY
            | Keyword::ORDER
            | Keyword::LIMIT => {
                level.next();
                level.in_from = false;
            }
            Keyword::ON | Keyword::WHEN | Keyword::THEN | Keyword::ELSE | Keyword::VALUES => level.next(),
            Keyword::JOIN => {
                level.joins += JOIN_LEVELS;
                level.next();
            }
            Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT => {
                level.sets += JOIN_LEVELS;
                level.next();
                level.in_from = false;
            }
            Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::IS
            | Keyword::IN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::SIMILAR
            | Keyword::BETWEEN
            | Keyword::AT
            | Keyword::COLLATE
            | Keyword::EXPLAIN => level.expression += 1,
            _ => {}
        },
        Token::EOF
        | Token::SemiColon
        | Token::Period
        | Token::Number(..)
        | Token::Placeholder(_)
        | Token::SingleQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::DollarQuotedString(_)
        | Token::HexStringLiteral(_) => {}
        _operator => level.expression += 1,
    }
}

/// What was between brackets is an operand of the expression around them.
fn close(levels: &mut Vec<Level>) {
    if levels.len() > 1
        && let Some(inner) = levels.pop()
        && let Some(outer) = levels.last_mut()
    {
        outer.expression = outer.expression.max(inner.height() + 1);
    }
}

/// Does work that recurses deeply on a stack that is large enough.
pub(crate) fn with_room<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(ROOM_BYTES, STACK_BYTES, work)
}

/// A future that has room on the stack whatever it is polled on.
pub(crate) struct Roomy<F>(Pin<Box<F>>);

impl<F: Future> Roomy<F> {
    pub(crate) fn new(work: F) -> Self {
        Self(Box::pin(work))
    }
}

impl<F: Future> Future for Roomy<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        with_room(|| self.0.as_mut().poll(context))
    }
}

#[cfg(test)]
mod tests;
