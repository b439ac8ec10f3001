//! `driftline.functions`: every function that SQL knows, with its documentation.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewArray};
use arrow::datatypes::Schema;
use datafusion::catalog::Session;
use datafusion::logical_expr::Documentation;

use super::text;

pub(super) fn schema() -> Schema {
    super::schema(vec![
        text("name", false),
        text("kind", false),
        text("signature", true),
        text("description", true),
    ])
}

struct Line {
    name: String,
    kind: &'static str,
    signature: Option<String>,
    description: Option<String>,
}

impl Line {
    fn new(name: &str, kind: &'static str, documentation: Option<&Documentation>) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            signature: documentation.map(|documentation| documentation.syntax_example.clone()),
            description: documentation.map(|documentation| documentation.description.trim().to_owned()),
        }
    }
}

pub(super) fn columns(session: &dyn Session) -> Vec<ArrayRef> {
    let scalars = session
        .scalar_functions()
        .iter()
        .map(|(name, function)| Line::new(name, "scalar", function.documentation()));
    let aggregates = session
        .aggregate_functions()
        .iter()
        .map(|(name, function)| Line::new(name, "aggregate", function.documentation()));
    let windows = session
        .window_functions()
        .iter()
        .map(|(name, function)| Line::new(name, "window", function.documentation()));
    let tables = driftline_functions::table_functions()
        .into_iter()
        .map(|(name, documentation)| Line::new(name, "table", Some(documentation)));
    let mut lines: Vec<Line> = scalars.chain(aggregates).chain(windows).chain(tables).collect();
    lines.sort_by(|a, b| (&a.name, a.kind).cmp(&(&b.name, b.kind)));
    vec![
        Arc::new(StringViewArray::from_iter_values(lines.iter().map(|line| &line.name))),
        Arc::new(StringViewArray::from_iter_values(lines.iter().map(|line| line.kind))),
        Arc::new(StringViewArray::from_iter(lines.iter().map(|line| line.signature.as_deref()))),
        Arc::new(StringViewArray::from_iter(lines.iter().map(|line| line.description.as_deref()))),
    ]
}
