use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field};
use datafusion::physical_expr::expressions::{binary, col, lit};

use super::*;

fn table() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("a", DataType::Int64, true),
        Field::new("b", DataType::Int64, true),
        Field::new("c", DataType::Int64, true),
    ]))
}

fn ints(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from_iter(values))
}

/// Breaks when a condition that can fail sees rows that an earlier one has excluded: here 1 / 0.
#[test]
fn a_condition_that_can_fail_sees_only_survivors() {
    let table = table();
    let not_zero = binary(col("c", &table).unwrap(), Operator::NotEq, lit(0_i64), &table).unwrap();
    let quotient = binary(lit(10_i64), Operator::Divide, col("c", &table).unwrap(), &table).unwrap();
    let large = binary(quotient, Operator::Gt, lit(4_i64), &table).unwrap();
    let both = binary(not_zero, Operator::And, large, &table).unwrap();
    let mut filter = Filter::default();
    filter.push(&both, &table).unwrap();

    let values = ints([Some(0), Some(1), None, Some(2), Some(5)]);
    let mut mask = None;
    for conjunct in filter.conjuncts() {
        assert_eq!(conjunct.columns(), [2]);
        mask = conjunct.narrow(5, vec![Arc::clone(&values)], mask).unwrap();
    }
    assert_eq!(mask.unwrap().few().unwrap().as_ref(), [1, 3]);
}

/// Breaks when NULL passes, or when a mask is kept although every row passes.
#[test]
fn null_is_not_true() {
    let table = table();
    let positive = binary(col("b", &table).unwrap(), Operator::Gt, lit(0_i64), &table).unwrap();
    let mut filter = Filter::default();
    filter.push(&positive, &table).unwrap();
    let narrow = |values| filter.conjuncts()[0].narrow(2, vec![ints(values)], None).unwrap();
    assert!(narrow([Some(1), Some(2)]).is_none());
    assert_eq!(narrow([Some(1), None]).unwrap().few().unwrap().as_ref(), [0]);
}
