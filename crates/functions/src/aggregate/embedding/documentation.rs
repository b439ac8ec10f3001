//! Words that the documentation of the functions over embeddings shares.

use datafusion::logical_expr::Documentation;

use crate::aggregate::DRIFT;

/// Starts the documentation of a function over `(embedding, is_current [, options])`.
pub(super) fn embedding(name: &str, description: &str, options: &str) -> Documentation {
    let description = format!(
        "{description}\n\n\
         A row is left out when its embedding is NULL or empty, or has a NULL, NaN or infinite coordinate, or when \
         `is_current` is NULL. The result is NULL when a side has no row. All sums are exact, so the result does not depend \
         on the order of rows. Works in `OVER` windows. Errors: embeddings of two lengths in one group."
    );
    Documentation::builder(DRIFT, description, format!("{name}(embedding, is_current [, options])"))
        .with_argument("embedding", "A list of FLOAT, DOUBLE or other numbers, which are read as DOUBLE.")
        .with_argument("is_current", "BOOLEAN: false = reference, true = current, NULL = neither.")
        .with_argument("options", format!("One text literal. {options}"))
        .with_sql_example(format!(
            "SELECT model, round({name}(embedding, day >= 8), 6) AS drift\n\
             FROM (VALUES ('a', 1, [0.9, 0.1]), ('a', 2, [0.8, 0.2]), ('a', 8, [0.1, 0.9]), ('a', 9, [0.2, 0.7]),\n\
             \x20            ('b', 1, [0.5, 0.5]), ('b', 2, [0.6, 0.4]), ('b', 8, [0.6, 0.4]), ('b', 9, [0.5, 0.5])) AS t (model, day, embedding)\n\
             GROUP BY model ORDER BY model"
        ))
        .build()
}
