//! Checks literal options and objectives while a query is planned, in `OVER` windows too.
//!
//! DataFusion simplifies the arguments of aggregates but not of aggregates used as window functions, so this runs before
//! both and changes nothing: it only refuses early what the accumulator would refuse late.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{AggregateUDF, Expr, WindowFunctionDefinition};

use super::comparison::ComparisonFunction;
use super::quality::QualityFunction;
use super::slo::SloFunction;
use crate::distribution::DistributionFunction;

/// The check, as DataFusion's analyzer runs it on every expression.
#[derive(Debug)]
pub(crate) struct CheckLiterals;

impl FunctionRewrite for CheckLiterals {
    fn name(&self) -> &str {
        "check_literals"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        match &expr {
            Expr::AggregateFunction(call) => check(&call.func, &call.params.args, schema)?,
            Expr::WindowFunction(call) => {
                if let WindowFunctionDefinition::AggregateUDF(function) = &call.fun {
                    check(function, &call.params.args, schema)?;
                }
            }
            _ => {}
        }
        Ok(Transformed::no(expr))
    }
}

fn check(function: &AggregateUDF, args: &[Expr], schema: &DFSchema) -> Result<()> {
    if let Some(comparison) = function.inner().downcast_ref::<ComparisonFunction>() {
        comparison.read_literal(args)?;
    }
    if let Some(quality) = function.inner().downcast_ref::<QualityFunction>() {
        quality.check(args, schema)?;
    }
    if let Some(level) = function.inner().downcast_ref::<SloFunction>() {
        level.read_literal(args)?;
    }
    if let Some(distribution) = function.inner().downcast_ref::<DistributionFunction>() {
        distribution.read_literal(args)?;
    }
    Ok(())
}
