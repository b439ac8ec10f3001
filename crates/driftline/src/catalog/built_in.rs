//! The tables and views that the program brings along, from `sql/schema/`. Tables are made when a database is opened; views live
//! in the program alone, so that a newer program has newer views over the same rows.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::sql::built_in_view;

/// The DDL of the built-in tables, in the order of their making.
pub(crate) const BUILT_IN_TABLES: [&str; 7] = [
    include_str!("../../../../sql/schema/spans.sql"),
    include_str!("../../../../sql/schema/metrics.sql"),
    include_str!("../../../../sql/schema/logs.sql"),
    include_str!("../../../../sql/schema/payloads.sql"),
    include_str!("../../../../sql/schema/prices.sql"),
    include_str!("../../../../sql/schema/alert_log.sql"),
    include_str!("../../../../sql/schema/alert_deliveries.sql"),
];

const BUILT_IN_VIEWS: [&str; 4] = [
    include_str!("../../../../sql/schema/llm_calls.sql"),
    include_str!("../../../../sql/schema/evaluations.sql"),
    include_str!("../../../../sql/schema/feedback.sql"),
    include_str!("../../../../sql/schema/traces.sql"),
];

/// The built-in views: name and query.
pub(crate) fn built_in_views() -> &'static BTreeMap<String, String> {
    static VIEWS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
        BUILT_IN_VIEWS
            .iter()
            .map(|ddl| built_in_view(ddl).expect("a test parses every file of sql/schema"))
            .collect()
    });
    &VIEWS
}
