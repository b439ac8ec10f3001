//! `docs/functions.md` is printed from the functions' own documentation, with the examples run.

use std::fmt::Write;
use std::path::Path;

use arrow::util::pretty::pretty_format_batches;
use datafusion::logical_expr::Documentation;

use super::{query, session};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/functions.md");
const COMMAND: &str = "DRIFTLINE_REGENERATE=1 cargo test --workspace --lib functions_documentation_is_fresh";

/// Name and documentation of every function.
fn documented() -> Vec<(String, Documentation)> {
    let aggregates = crate::aggregates();
    let scalars = crate::scalars();
    let of_aggregates =
        aggregates.iter().map(|function| (function.name().to_string(), function.documentation().cloned()));
    let of_scalars =
        scalars.iter().map(|function| (function.name().to_string(), function.documentation().cloned()));
    let windows = crate::windows();
    let of_windows =
        windows.iter().map(|function| (function.name().to_string(), function.documentation().cloned()));
    let of_tables = crate::table_functions()
        .into_iter()
        .map(|(name, documentation)| (name.to_string(), Some(documentation.clone())));
    of_aggregates
        .chain(of_scalars)
        .chain(of_windows)
        .chain(of_tables)
        .map(|(name, documentation)| {
            let documentation = documentation.unwrap_or_else(|| panic!("{name} has no documentation"));
            (name, documentation)
        })
        .collect()
}

async fn render() -> String {
    let session = session(1);
    let functions = documented();
    let mut sections: Vec<_> = Vec::new();
    for (_, documentation) in &functions {
        if !sections.iter().any(|section: &&datafusion::logical_expr::DocSection| {
            section.label == documentation.doc_section.label
        }) {
            sections.push(&documentation.doc_section);
        }
    }
    let mut page = format!(
        "<!-- Generated from the functions' own documentation; do not edit. To print it again:\n{COMMAND}\n-->\n\n# SQL functions\n\n\
         These come on top of the functions of [DataFusion](https://datafusion.apache.org/user-guide/sql/): its aggregates and \
         window functions, and its scalar functions for numbers, text, time, regular expressions, lists, structs, maps and \
         encodings. Its functions for cryptography (`md5`, `sha256`, `digest`) are not built in; `SHOW FUNCTIONS` lists what \
         there is. Aggregates also work with `GROUP BY`, `FILTER` and `OVER`; functions written with `OVER (...)` need it.\n"
    );
    for section in sections {
        write!(page, "\n## {}\n\n{}\n", section.label, section.description.unwrap_or_default()).unwrap();
        for (name, documentation) in functions.iter().filter(|(_, d)| d.doc_section.label == section.label) {
            let syntax = std::iter::once(&documentation.syntax_example)
                .chain(documentation.alternative_syntax.iter().flatten());
            let syntax: Vec<&str> = syntax.map(String::as_str).collect();
            write!(
                page,
                "\n### {name}\n\n```\n{}\n```\n\n{}\n\n",
                syntax.join("\n"),
                documentation.description
            )
            .unwrap();
            for (argument, description) in documentation.arguments.iter().flatten() {
                writeln!(page, "- `{argument}`: {description}").unwrap();
            }
            let sql = documentation.sql_example.as_ref().unwrap_or_else(|| panic!("{name} has no example"));
            if ["baseline", "drift_report", "llm_cost", "slo_history", "slo_status"].contains(&name.as_str())
            {
                // they need a database: tests/slt/functions runs them
                write!(page, "\n```sql\n{sql};\n```\n").unwrap();
                continue;
            }
            let result =
                query(&session, sql).await.unwrap_or_else(|error| panic!("the example of {name}: {error}"));
            let table = pretty_format_batches(&[result]).unwrap();
            write!(page, "\n```sql\n{sql};\n```\n```text\n{table}\n```\n").unwrap();
        }
    }
    page
}

// breaks when: a function changes its words or its example's answer, and the page was not printed again
#[tokio::test]
async fn functions_documentation_is_fresh() {
    let page = render().await;
    if std::env::var_os("DRIFTLINE_REGENERATE").is_some() {
        std::fs::create_dir_all(Path::new(PATH).parent().unwrap()).unwrap();
        std::fs::write(PATH, &page).unwrap();
    }
    let stored = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(stored == page, "docs/functions.md is stale; print it again: {COMMAND}");
}

// breaks when: a function leaves out what its users must know
#[test]
fn every_function_says_what_its_users_must_know() {
    for (name, documentation) in documented() {
        let words = documentation.description.to_lowercase();
        assert!(words.contains("null"), "{name} says what NULL does");
        assert!(
            documentation.arguments.is_some_and(|arguments| !arguments.is_empty()),
            "{name} explains its arguments"
        );
        if documentation.doc_section.label != "Telemetry" {
            let source = words.contains("source:") || words.contains("min over");
            assert!(source, "{name} names formula and source");
        }
    }
}
