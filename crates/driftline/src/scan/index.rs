//! What the index of a segment says of a filter: the rows that may pass. Whatever it cannot say leaves all rows, and a condition is
//! still evaluated on the rows that are left, unless the index knows exactly where it is true; so a row too many costs time and never
//! an answer.
//!
//! A condition is true, false or NULL. Two sets bound it: the rows where it may be true, and those where it may be false; NOT exchanges
//! them, AND and OR are intersections and unions.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, Literal, NotExpr,
};
use driftline_functions::attribute_text;
use driftline_storage::{Filtered, IndexedValues, Posting, RowSet, SegmentIndex, SegmentReader};
use futures::future::BoxFuture;

use super::layout::{Kind, Layout};
use crate::error::external;

/// A condition, as far as an index can say something of it.
#[derive(Debug, PartialEq)]
pub(super) enum Condition {
    /// A column has one of some values, as text.
    IsOneOf(usize, Vec<String>),
    IsNull(usize),
    Not(Box<Condition>),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Unknown,
}

/// Which answer of a condition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    True,
    False,
}

/// Rows that may be meant; where it is exact, just those that are.
#[derive(Debug)]
enum Rows {
    All,
    These { rows: RowSet, exact: bool },
}

/// The rows of a segment for which a condition may be true.
#[derive(Debug)]
pub(super) struct Candidates {
    pub(super) rows: RowSet,
    /// It is true for each of them.
    pub(super) exact: bool,
}

/// What an index knows of a column in one segment.
enum Known<'a> {
    /// The values are texts as SQL has them.
    Texts(&'a IndexedValues),
    /// The values are JSON.
    Json(&'a IndexedValues),
    AllNull,
    Nothing,
}

impl Condition {
    /// Reads an expression over the columns of a layout.
    pub(super) fn of(expr: &Arc<dyn PhysicalExpr>, layout: &Layout) -> Self {
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            return match binary.op() {
                Operator::And | Operator::Or => {
                    let sides = vec![Self::of(binary.left(), layout), Self::of(binary.right(), layout)];
                    if *binary.op() == Operator::And { Self::And(sides) } else { Self::Or(sides) }
                }
                Operator::Eq => Self::equal(binary.left(), binary.right(), layout),
                Operator::NotEq => Self::Not(Box::new(Self::equal(binary.left(), binary.right(), layout))),
                _ => Self::Unknown,
            };
        }
        if let Some(not) = expr.downcast_ref::<NotExpr>() {
            return Self::Not(Box::new(Self::of(not.arg(), layout)));
        }
        if let Some(list) = expr.downcast_ref::<InListExpr>() {
            let Some(column) = column_of(list.expr()) else { return Self::Unknown };
            let values = list.list().iter().map(|value| text_of(value, column, layout));
            let Some(values) = values.collect() else { return Self::Unknown };
            let found = Self::IsOneOf(column, values);
            return if list.negated() { Self::Not(Box::new(found)) } else { found };
        }
        if let Some(column) = expr.downcast_ref::<IsNullExpr>().and_then(|is_null| column_of(is_null.arg())) {
            return Self::IsNull(column);
        }
        if let Some(column) = expr.downcast_ref::<IsNotNullExpr>().and_then(|is_not| column_of(is_not.arg()))
        {
            return Self::Not(Box::new(Self::IsNull(column)));
        }
        match column_of(expr) {
            Some(column) if layout.column(column).data_type == DataType::Boolean => {
                Self::IsOneOf(column, vec!["true".to_owned()])
            }
            _ => Self::Unknown,
        }
    }

    fn equal(left: &Arc<dyn PhysicalExpr>, right: &Arc<dyn PhysicalExpr>, layout: &Layout) -> Self {
        let found = match (column_of(left), column_of(right)) {
            (Some(column), None) => text_of(right, column, layout).map(|value| (column, value)),
            (None, Some(column)) => text_of(left, column, layout).map(|value| (column, value)),
            _ => None,
        };
        found.map_or(Self::Unknown, |(column, value)| Self::IsOneOf(column, vec![value]))
    }

    /// Whether no index can say anything of it.
    pub(super) fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::IsOneOf(..) | Self::IsNull(_) => false,
            Self::Not(condition) => condition.is_unknown(),
            Self::And(conditions) => conditions.iter().all(Self::is_unknown),
            Self::Or(conditions) => conditions.iter().any(Self::is_unknown),
        }
    }

    /// What it compares with constants.
    pub(super) fn filtered(&self, layout: &Layout) -> Vec<Filtered> {
        match self {
            Self::Unknown | Self::IsNull(_) => vec![],
            Self::IsOneOf(column, _) => {
                let column = layout.column(*column);
                match &column.kind {
                    Kind::Stored | Kind::FromAttribute(_) => vec![Filtered::Column(column.id)],
                    Kind::Attribute(key) => vec![Filtered::Attribute(key.clone())],
                    _ => vec![],
                }
            }
            Self::Not(condition) => condition.filtered(layout),
            Self::And(conditions) | Self::Or(conditions) => {
                conditions.iter().flat_map(|condition| condition.filtered(layout)).collect()
            }
        }
    }

    /// The rows of a segment for which the condition may be true; `None` where that may be any.
    pub(super) async fn candidates(
        &self,
        segment: &SegmentReader,
        index: &SegmentIndex,
        layout: &Layout,
    ) -> DfResult<Option<Candidates>> {
        let lookup = Lookup { segment, index, layout };
        Ok(match lookup.rows(self, Answer::True).await? {
            Rows::All => None,
            Rows::These { rows, exact } => Some(Candidates { rows, exact }),
        })
    }
}

impl Rows {
    fn none() -> Self {
        Self::These { rows: RowSet::default(), exact: true }
    }
}

struct Lookup<'a> {
    segment: &'a SegmentReader,
    index: &'a SegmentIndex,
    layout: &'a Layout,
}

impl Lookup<'_> {
    fn rows<'a>(&'a self, condition: &'a Condition, answer: Answer) -> BoxFuture<'a, DfResult<Rows>> {
        Box::pin(async move {
            match (condition, answer) {
                (Condition::Unknown, _) => Ok(Rows::All),
                (Condition::IsOneOf(column, values), _) => self.one_of(*column, values, answer).await,
                (Condition::IsNull(column), _) => self.null(*column, answer).await,
                (Condition::Not(condition), Answer::True) => self.rows(condition, Answer::False).await,
                (Condition::Not(condition), Answer::False) => self.rows(condition, Answer::True).await,
                (Condition::And(parts), Answer::True) | (Condition::Or(parts), Answer::False) => {
                    self.in_all(parts, answer).await
                }
                (Condition::And(parts), Answer::False) | (Condition::Or(parts), Answer::True) => {
                    self.in_any(parts, answer).await
                }
            }
        })
    }

    async fn in_all(&self, parts: &[Condition], answer: Answer) -> DfResult<Rows> {
        let (mut all, mut is_first) = (Rows::All, true);
        for part in parts {
            let (rows, exact) = match (all, self.rows(part, answer).await?) {
                (Rows::All, Rows::All) => (None, false),
                (Rows::All, Rows::These { rows, exact }) => (Some(rows), exact && is_first),
                (Rows::These { rows, .. }, Rows::All) => (Some(rows), false),
                (Rows::These { rows: a, exact: x }, Rows::These { rows: b, exact: y }) => {
                    (Some(a.intersection(&b)), x && y)
                }
            };
            is_first = false;
            all = match rows {
                None => Rows::All,
                Some(rows) if rows.is_empty() => return Ok(Rows::none()),
                Some(rows) => Rows::These { rows, exact },
            };
        }
        Ok(all)
    }

    async fn in_any(&self, parts: &[Condition], answer: Answer) -> DfResult<Rows> {
        let (mut any, mut all_exact) = (RowSet::default(), true);
        for part in parts {
            match self.rows(part, answer).await? {
                Rows::All => return Ok(Rows::All),
                Rows::These { rows, exact } => {
                    any = any.union(&rows);
                    all_exact &= exact;
                }
            }
        }
        Ok(Rows::These { rows: any, exact: all_exact })
    }

    async fn one_of(&self, column: usize, wanted: &[String], answer: Answer) -> DfResult<Rows> {
        let is_wanted = |value: &str| wanted.iter().any(|wanted| wanted == value) == (answer == Answer::True);
        match self.known(column) {
            Known::Nothing => Ok(Rows::All),
            Known::AllNull => Ok(Rows::none()),
            Known::Texts(values) if answer == Answer::True => {
                self.read(wanted.iter().filter_map(|value| values.get(value)), true).await
            }
            Known::Texts(values) => {
                let others = values.values().filter(|(value, _)| is_wanted(value));
                self.read(others.map(|(_, posting)| posting), true).await
            }
            Known::Json(values) => {
                let is_wanted =
                    |json: &str| attribute_text(json).is_some_and(|text: Cow<'_, str>| is_wanted(&text));
                let found = values.values().filter(|(json, _)| is_wanted(json));
                self.read(found.map(|(_, posting)| posting), false).await
            }
        }
    }

    async fn null(&self, column: usize, answer: Answer) -> DfResult<Rows> {
        match (self.known(column), answer) {
            (Known::Texts(values), Answer::True) => self.read(values.nulls().into_iter(), true).await,
            (Known::Texts(values), Answer::False) => {
                self.read(values.values().map(|(_, posting)| posting), true).await
            }
            (Known::Json(values), Answer::False) => {
                let some = values.values().filter(|(json, _)| attribute_text(json).is_some());
                self.read(some.map(|(_, posting)| posting), false).await
            }
            (Known::AllNull, Answer::False) => Ok(Rows::none()),
            (Known::AllNull | Known::Json(_), Answer::True) | (Known::Nothing, _) => Ok(Rows::All),
        }
    }

    /// The rows of some values together; all, where one of them is everywhere.
    async fn read(&self, postings: impl Iterator<Item = Posting>, exact: bool) -> DfResult<Rows> {
        let postings: Vec<Posting> = postings.collect();
        if !postings.iter().all(Posting::is_stored) {
            return Ok(Rows::All);
        }
        let rows = self.segment.read_postings(&postings).await.map_err(external)?;
        Ok(Rows::These { rows, exact })
    }

    fn known(&self, column: usize) -> Known<'_> {
        let column = self.layout.column(column);
        match &column.kind {
            Kind::Stored => self.of_column(column.id),
            Kind::FromAttribute(key)
                if self.segment.is_complete(column.id) || !self.segment.may_have_attribute(key) =>
            {
                self.of_column(column.id)
            }
            Kind::Attribute(key) => self.of_attribute(key),
            _ => Known::Nothing,
        }
    }

    fn of_column(&self, id: u32) -> Known<'_> {
        match self.segment.column_root(id) {
            None => Known::AllNull,
            Some(_) => self.index.column(id).map_or(Known::Nothing, Known::Texts),
        }
    }

    fn of_attribute(&self, key: &str) -> Known<'_> {
        let mut columns = self.layout.attribute_columns();
        let column = columns.find(|(_, known)| *known == key).map(|(index, _)| self.layout.column(index));
        let column = column.filter(|column| self.segment.column_root(column.id).is_some());
        match (column, self.segment.may_have_attribute(key)) {
            (None, true) => self.index.attribute(key).map_or(Known::Nothing, Known::Json),
            (None, false) => Known::AllNull,
            // a text is its own text
            (Some(column), false) if column.data_type == DataType::Utf8View => self.of_column(column.id),
            (Some(_), _) => Known::Nothing,
        }
    }
}

fn column_of(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    Some(expr.downcast_ref::<Column>()?.index())
}

/// A constant as the index has the values of a column; `None` for NULL and where the types differ.
fn text_of(expr: &Arc<dyn PhysicalExpr>, column: usize, layout: &Layout) -> Option<String> {
    let value = expr.downcast_ref::<Literal>()?.value();
    let text = match value {
        ScalarValue::Utf8(Some(text))
        | ScalarValue::Utf8View(Some(text))
        | ScalarValue::LargeUtf8(Some(text)) => {
            return matches!(layout.column(column).data_type, DataType::Utf8View | DataType::Utf8)
                .then(|| text.clone());
        }
        ScalarValue::Int64(Some(number)) => number.to_string(),
        ScalarValue::Int32(Some(number)) => number.to_string(),
        ScalarValue::Boolean(Some(truth)) => truth.to_string(),
        _ => return None,
    };
    (value.data_type() == layout.column(column).data_type).then_some(text)
}
