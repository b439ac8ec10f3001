//! How many relations a statement reads once its WITH queries stand where they are named. One that is named twice is planned twice, so
//! a few hundred bytes of SQL can name a plan that no planner comes to the end of.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, Visit, Visitor};

use crate::error::{Error, Result};

/// The relations that a statement may read, each counted as often as it is read.
const RELATIONS_MAX: u64 = 4_096;

/// Fails for a statement that reads too many.
pub(super) fn check(statement: &DfStatement) -> Result<()> {
    let mut counter = Counter::default();
    let _done = match statement {
        DfStatement::Statement(statement) => statement.visit(&mut counter),
        DfStatement::Explain(explain) => return check(&explain.statement),
        DfStatement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => query.visit(&mut counter),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::CreateExternalTable(_) | DfStatement::Reset(_) => ControlFlow::Continue(()),
    };
    match counter.read {
        0..=RELATIONS_MAX => Ok(()),
        read => Err(Error::invalid(format!(
            "the statement reads {read} relations and the limit is {RELATIONS_MAX}: a query in WITH is planned anew wherever it is named"
        ))),
    }
}

/// Counts relations on the way through a statement. Names are taken for the same whatever their scope: that counts too many at worst.
#[derive(Default)]
struct Counter {
    /// Read by what is not within any query that is still open.
    read: u64,
    /// Read by each query that is open.
    open: Vec<u64>,
    /// The WITH queries that are still to come, by where they lie.
    expected: HashMap<*const Query, String>,
    /// What the WITH queries read that were there.
    known: HashMap<String, u64>,
}

impl Counter {
    fn add(&mut self, relations: u64) {
        let read = self.open.last_mut().unwrap_or(&mut self.read);
        *read = read.saturating_add(relations);
    }
}

impl Visitor for Counter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for named in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.expected.insert(&raw const *named.query, normalised(&named.alias.name));
        }
        self.open.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let relations = self.open.pop().unwrap_or_default();
        match self.expected.remove(&(&raw const *query)) {
            Some(name) => {
                let known = self.known.entry(name).or_default();
                *known = relations.max(*known).max(1);
            }
            None => self.add(relations),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let relations = match relation.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => self.known.get(&normalised(name)).copied(),
            _ => None,
        };
        self.add(relations.unwrap_or(1));
        ControlFlow::Continue(())
    }
}

fn normalised(identifier: &Ident) -> String {
    match identifier.quote_style {
        Some(_) => identifier.value.clone(),
        None => identifier.value.to_lowercase(),
    }
}
