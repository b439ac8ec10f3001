//! A cursor over the tokens of one statement: what our own statements are parsed with. It knows where every token stands, so that
//! an error names line and column, and hands the rest of the tokens to DataFusion's parser where a query follows.

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::{nesting, past};
use crate::error::{Error, Result};

/// How deep expressions may nest.
const RECURSION_MAX: usize = 100;

/// The tokens of one statement and the place of the next one.
pub(crate) struct Cursor<'a> {
    sql: &'a str,
    tokens: Vec<TokenWithSpan>,
    position: usize,
}

impl<'a> Cursor<'a> {
    /// Splits a statement into tokens.
    pub(crate) fn new(sql: &'a str) -> Result<Self> {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().map_err(|error| {
            Error::invalid(format!("{}{}", lower_first(&error.message), place(error.location)))
        })?;
        nesting::check(&tokens)?;
        let mut cursor = Self { sql, tokens: past::mark(numbered(tokens)?)?, position: 0 };
        cursor.skip_whitespace();
        Ok(cursor)
    }

    /// The next token.
    pub(crate) fn peek(&self) -> &Token {
        self.tokens.get(self.position).map_or(&Token::EOF, |token| &token.token)
    }

    /// Whether the next tokens are these unquoted words, in upper case here, in any case there.
    pub(crate) fn at(&self, words: &[&str]) -> bool {
        let mut upcoming = self.tokens[self.position..]
            .iter()
            .map(|token| &token.token)
            .filter(|token| !matches!(token, Token::Whitespace(_)));
        words.iter().all(|word| upcoming.next().is_some_and(|token| is_word(token, word)))
    }

    /// Takes these words if they are next.
    pub(crate) fn accept(&mut self, words: &[&str]) -> bool {
        let found = self.at(words);
        if found {
            words.iter().for_each(|_| self.advance());
        }
        found
    }

    /// Takes these words or fails.
    pub(crate) fn expect(&mut self, words: &[&str]) -> Result<()> {
        if self.accept(words) { Ok(()) } else { Err(self.unexpected(&words.join(" "))) }
    }

    /// Takes this symbol if it is next.
    pub(crate) fn accept_symbol(&mut self, symbol: &Token) -> bool {
        let found = self.peek() == symbol;
        if found {
            self.advance();
        }
        found
    }

    /// Takes this symbol or fails.
    pub(crate) fn expect_symbol(&mut self, symbol: &Token) -> Result<()> {
        if self.accept_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("{symbol:?} (`{symbol}`)")))
        }
    }

    /// Takes one `>`, also out of `>>`, which the tokenizer takes for a shift.
    pub(crate) fn expect_close_angle(&mut self) -> Result<()> {
        match self.tokens.get_mut(self.position) {
            Some(token) if token.token == Token::Gt => {
                self.advance();
                Ok(())
            }
            Some(token) if token.token == Token::ShiftRight => {
                token.token = Token::Gt;
                Ok(())
            }
            _ => Err(self.unexpected("`>`")),
        }
    }

    /// Takes a name: unquoted ones fold to lower case, quoted ones stay as they are.
    pub(crate) fn identifier(&mut self, what: &str) -> Result<String> {
        let name = match self.peek() {
            Token::Word(word) if word.quote_style.is_some() => word.value.clone(),
            Token::Word(word) => word.value.to_lowercase(),
            _ => return Err(self.unexpected(what)),
        };
        self.advance();
        Ok(name)
    }

    /// Takes a text in single quotes.
    pub(crate) fn text(&mut self, what: &str) -> Result<String> {
        let Token::SingleQuotedString(text) = self.peek() else {
            return Err(self.unexpected(&format!("{what} in single quotes")));
        };
        let text = text.clone();
        self.advance();
        Ok(text)
    }

    /// Takes a whole number.
    pub(crate) fn integer(&mut self, what: &str) -> Result<i32> {
        let Token::Number(digits, _) = self.peek() else {
            return Err(self.unexpected(what));
        };
        let number = digits.parse().map_err(|_| self.unexpected(what))?;
        self.advance();
        Ok(number)
    }

    /// Takes a number of any kind.
    pub(crate) fn number(&mut self, what: &str) -> Result<f64> {
        let Token::Number(digits, _) = self.peek() else {
            return Err(self.unexpected(what));
        };
        let number = digits.parse().map_err(|_| self.unexpected(what))?;
        self.advance();
        Ok(number)
    }

    /// Takes the longest expression that begins here, as SQL that reads the same.
    pub(crate) fn leading_expression(&mut self) -> Result<String> {
        self.leading(|parser| Ok(parser.parse_expr()?.to_string()))
    }

    /// Takes the query that begins here, as SQL that reads the same.
    pub(crate) fn query(&mut self) -> Result<String> {
        self.leading(|parser| Ok(parser.parse_query()?.to_string()))
    }

    /// Takes as many tokens as a part of DataFusion's parser does.
    fn leading(
        &mut self,
        parse: impl FnOnce(&mut Parser<'_>) -> Result<String, ParserError>,
    ) -> Result<String> {
        let tokens: Vec<TokenWithSpan> = self.tokens[self.position..].to_vec();
        let mut parser = DFParserBuilder::new(tokens).with_recursion_limit(RECURSION_MAX).build()?.parser;
        let parsed = parse(&mut parser).map_err(DataFusionError::from)?;
        self.position += parser.index();
        self.skip_whitespace();
        Ok(parsed)
    }

    /// Demands that the statement ends here; one semicolon is fine.
    pub(crate) fn end(&mut self) -> Result<()> {
        while self.accept_symbol(&Token::SemiColon) {}
        match self.peek() {
            Token::EOF => Ok(()),
            _ => Err(self.unexpected("the end of the statement")),
        }
    }

    /// Whether nothing but semicolons is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.tokens[self.position..]
            .iter()
            .all(|token| matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF))
    }

    /// Whether the statement names a table as it was.
    pub(crate) fn looks_back(&self) -> bool {
        past::is_marked(&self.tokens)
    }

    /// The text from here on, without the closing semicolon.
    pub(crate) fn rest(&self) -> &'a str {
        let start =
            self.tokens.get(self.position).map_or(self.sql.len(), |token| offset(self.sql, token.span.start));
        self.sql[start..].trim_end().trim_end_matches(';').trim_end()
    }

    /// Parses the rest as one statement of DataFusion.
    pub(crate) fn delegate(self) -> Result<DfStatement> {
        let tokens: Vec<TokenWithSpan> = self.tokens.into_iter().skip(self.position).collect();
        let mut statements =
            DFParserBuilder::new(tokens).with_recursion_limit(RECURSION_MAX).build()?.parse_statements()?;
        match (statements.pop_front(), statements.len()) {
            (Some(statement), 0) => Ok(statement),
            (Some(_), more) => Err(Error::invalid(format!("expected one statement, got {}", more + 1))),
            (None, _) => Err(Error::invalid("the statement is empty")),
        }
    }

    /// Parses the rest as one expression.
    pub(crate) fn expression(self) -> Result<Expr> {
        let tokens: Vec<TokenWithSpan> = self.tokens.into_iter().skip(self.position).collect();
        let mut parser = DFParserBuilder::new(tokens).with_recursion_limit(RECURSION_MAX).build()?.parser;
        let expr = parser.parse_expr().map_err(DataFusionError::from)?;
        parser.expect_token(&Token::EOF).map_err(DataFusionError::from)?;
        Ok(expr)
    }

    /// An error that says what was expected, what is there and where.
    pub(crate) fn unexpected(&self, expected: &str) -> Error {
        match self.tokens.get(self.position) {
            Some(token) if token.token != Token::EOF => Error::invalid(format!(
                "expected {expected}, found {}{}",
                token.token,
                place(token.span.start)
            )),
            _ => Error::invalid(format!("expected {expected}, found the end of the statement")),
        }
    }

    fn advance(&mut self) {
        self.position += 1;
        self.skip_whitespace();
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.tokens.get(self.position).map(|token| &token.token), Some(Token::Whitespace(_))) {
            self.position += 1;
        }
    }
}

/// Numbers the parameters that are written `?`, in their order.
fn numbered(mut tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let (mut marks, mut has_number) = (0, false);
    for TokenWithSpan { token, span } in &mut tokens {
        match token {
            Token::Placeholder(place) if place == "?" => {
                marks += 1;
                *place = format!("${marks}");
            }
            Token::Placeholder(_) => has_number = true,
            _ => continue,
        }
        if marks > 0 && has_number {
            let place = place(span.start);
            return Err(Error::invalid(format!("parameters are written ? or $1, $2, ..., not both{place}")));
        }
    }
    Ok(tokens)
}

pub(super) fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

pub(super) fn place(location: Location) -> String {
    format!(" at line {}, column {}", location.line, location.column)
}

/// The byte where a token starts: the tokenizer counts lines and characters.
fn offset(sql: &str, location: Location) -> usize {
    let line_start: usize =
        sql.split_inclusive('\n').take(location.line.saturating_sub(1) as usize).map(str::len).sum();
    let line = &sql[line_start..];
    line.char_indices()
        .nth(location.column.saturating_sub(1) as usize)
        .map_or(sql.len(), |(index, _)| line_start + index)
}

fn lower_first(message: &str) -> String {
    let mut characters = message.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
