//! What can be completed: keywords, and the tables, columns and functions of the open database.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use arrow::array::AsArray;
use arrow::datatypes::DataType;
use futures::TryStreamExt;

use crate::target::Target;

const KEYWORDS: [&str; 68] = [
    "ADD",
    "ALTER",
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "ATTRIBUTE",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COLUMN",
    "CREATE",
    "CROSS",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXISTS",
    "EXPLAIN",
    "EXTRACT",
    "FALSE",
    "FILTER",
    "FLUSH",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INSERT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "RENAME",
    "RIGHT",
    "ROWS",
    "SELECT",
    "SHOW",
    "TABLE",
    "TABLES",
    "THEN",
    "TIMESTAMP",
    "TO",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

/// Words by kind.
#[derive(Debug, Default)]
pub(super) struct Words {
    columns_of: BTreeMap<String, BTreeSet<String>>,
    functions: BTreeSet<String>,
}

impl Words {
    /// Asks the database. What cannot be read is not offered: completion must never stop the shell.
    pub(super) async fn read(target: &Target) -> Self {
        let mut words = Self::default();
        for table in first_column(target, "SELECT name FROM driftline.tables").await.unwrap_or_default() {
            let columns = match target.sql(&format!("SELECT * FROM \"{table}\" LIMIT 0")).await {
                Ok(result) => result.schema.fields().iter().map(|field| field.name().clone()).collect(),
                Err(_) => BTreeSet::new(),
            };
            words.columns_of.insert(table, columns);
        }
        let functions = first_column(target, "SELECT DISTINCT name FROM driftline.functions").await;
        words.functions = functions.unwrap_or_default().into_iter().collect();
        words
    }

    /// Completions of a word, where `statement` is the text around it.
    pub(super) fn matching(&self, word: &str, statement: &str) -> Vec<String> {
        let lower = word.to_lowercase();
        let mut found = BTreeSet::new();
        let tables = self.columns_of.keys();
        found.extend(tables.filter(|table| table.starts_with(&lower)).cloned());
        // columns of the tables that the statement names, or of all while it names none
        let named = |table: &&String| statement.to_lowercase().contains(table.as_str());
        let any_named = self.columns_of.keys().any(|table| named(&table));
        for (table, columns) in &self.columns_of {
            if !any_named || named(&table) {
                found.extend(columns.iter().filter(|column| column.starts_with(&lower)).cloned());
            }
        }
        found.extend(
            self.functions.iter().filter(|name| name.starts_with(&lower)).map(|name| format!("{name}(")),
        );
        let as_typed =
            |keyword: &str| if word == lower { keyword.to_lowercase() } else { keyword.to_owned() };
        found.extend(KEYWORDS.iter().filter(|k| k.to_lowercase().starts_with(&lower)).map(|k| as_typed(k)));
        found.into_iter().collect()
    }
}

/// Whether a word is a keyword, for colour.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.binary_search(&word.to_uppercase().as_str()).is_ok()
}

async fn first_column(target: &Target, query: &str) -> Result<Vec<String>> {
    let mut result = target.sql(query).await?.batches;
    let mut values = Vec::new();
    while let Some(batch) = result.try_next().await? {
        let column = arrow::compute::cast(batch.column(0), &DataType::Utf8)?;
        values.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(values)
}
