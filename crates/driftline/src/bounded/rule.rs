//! Puts bounds on what the planner took from DataFusion itself: the functions behind operators and literals, as `[a, b]`, the operator
//! `||`, types of a fixed width, and windows.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use super::call::{bounded, check_type, is_bounded};
use super::concatenation::concatenation;
use super::growth::Growth;
use super::windows;
use crate::plan_expressions;

/// Rewrites calls without bounds, and refuses what no bounds can be put on.
#[derive(Debug)]
pub(crate) struct BoundedCalls;

impl AnalyzerRule for BoundedCalls {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> DfResult<LogicalPlan> {
        plan_expressions::rewrite(plan, rewrite)
    }

    fn name(&self) -> &str {
        "bounded_calls"
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    match expr {
        Expr::ScalarFunction(mut call)
            if !is_bounded(&call.func) && Growth::of(call.func.name()).is_some() =>
        {
            call.func = bounded(call.func);
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
            if is_text(&left, schema) && left.get_type(schema).ok() == right.get_type(schema).ok() =>
        {
            let call = ScalarFunction::new_udf(concatenation(), vec![*left, *right]);
            Ok(Transformed::yes(Expr::ScalarFunction(call)))
        }
        Expr::Cast(cast) => {
            check_type(cast.field.data_type())?;
            Ok(Transformed::no(Expr::Cast(cast)))
        }
        Expr::TryCast(cast) => {
            check_type(cast.field.data_type())?;
            Ok(Transformed::no(Expr::TryCast(cast)))
        }
        Expr::WindowFunction(call) => {
            windows::check(&call)?;
            Ok(Transformed::no(Expr::WindowFunction(call)))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn is_text(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View))
}
