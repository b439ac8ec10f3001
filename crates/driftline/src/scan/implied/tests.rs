use arrow::datatypes::{Field, Schema, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;

use super::*;

fn bounds(sql: &str) -> Option<String> {
    let time = Field::new("time", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false);
    let schema = Arc::new(Schema::new(vec![time, Field::new("n", DataType::Int64, true)]));
    let context = SessionContext::new_with_state(SessionStateBuilder::new().with_default_features().build());
    let df_schema = DFSchema::try_from(schema.as_ref().clone()).unwrap();
    let expr = context.parse_sql_expr(sql, &df_schema).unwrap();
    let expr = context.create_physical_expr(expr, &df_schema).unwrap();
    // what the optimiser does to constants
    let expr =
        datafusion::physical_expr::simplifier::PhysicalExprSimplifier::new(&schema).simplify(expr).unwrap();
    time_bounds(&expr, &schema).map(|bounds| bounds.to_string())
}

/// Breaks when a bound is missed, or is narrower than the condition.
#[test]
fn rounded_times_bound_the_time() {
    const T: i64 = 1_767_571_200_000_000_000; // 2026-01-05
    let day_later = T + DAY_NS;
    let text = "TIMESTAMP '2026-01-05T00:00:00Z'";
    let cases = [
        (
            format!("date_trunc('day', time) = {text}"),
            Some(format!("time@0 >= {T} AND time@0 <= {day_later}")),
        ),
        (format!("{text} <= date_trunc('day', time)"), Some(format!("time@0 >= {T}"))),
        (format!("date_trunc('day', time) < {text}"), Some(format!("time@0 <= {day_later}"))),
        ("CAST(time AS DATE) > CAST('2026-01-05' AS DATE)".to_owned(), Some(format!("time@0 >= {T}"))),
        (format!("date_trunc('day', time) <> {text}"), None),
        (format!("date_trunc('eon', time) = {text}"), None),
        ("n = 5".to_owned(), None),
        (format!("time = {text}"), None),
    ];
    for (sql, wanted) in cases {
        assert_eq!(bounds(&sql), wanted, "{sql}");
    }
}
