//! Checks literal options and objectives while a query is planned, in `OVER` windows too, and gives functions the settings of the
//! session.
//!
//! DataFusion simplifies the arguments of aggregates but not of aggregates used as window functions, so this runs before both. It
//! refuses early what the accumulator would refuse late. An accumulator does not see the session, so its limit is bound here.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{AggregateUDF, Expr, WindowFunctionDefinition};

use super::comparison::ComparisonFunction;
use super::embedding::EmbeddingFunction;
use super::psi_ci::PsiCi;
use super::quality::QualityFunction;
use super::slo::SloFunction;
use crate::distribution::{CategoryDistributionFunction, DistributionFunction};
use crate::options::DriftOptions;

/// The check, as DataFusion's analyzer runs it on every expression.
#[derive(Debug)]
pub(crate) struct CheckLiterals;

impl FunctionRewrite for CheckLiterals {
    fn name(&self) -> &str {
        "check_literals"
    }

    fn rewrite(
        &self,
        mut expr: Expr,
        schema: &DFSchema,
        config: &ConfigOptions,
    ) -> Result<Transformed<Expr>> {
        let (function, args) = match &mut expr {
            Expr::AggregateFunction(call) => (&mut call.func, &call.params.args),
            Expr::WindowFunction(call) => match &mut call.fun {
                WindowFunctionDefinition::AggregateUDF(function) => (function, &call.params.args),
                WindowFunctionDefinition::WindowUDF(_) => return Ok(Transformed::no(expr)),
            },
            _ => return Ok(Transformed::no(expr)),
        };
        check(function, args, schema)?;
        match limited(function, config) {
            Some(limited) => {
                *function = limited;
                Ok(Transformed::yes(expr))
            }
            None => Ok(Transformed::no(expr)),
        }
    }
}

/// The function with the limit of the session, where it has another one.
fn limited(function: &AggregateUDF, config: &ConfigOptions) -> Option<Arc<AggregateUDF>> {
    let comparison = function.inner().downcast_ref::<ComparisonFunction>()?;
    let options = config.extensions.get::<DriftOptions>()?;
    let limited = comparison.with_exact_max_rows(options.exact_max_rows)?;
    Some(Arc::new(AggregateUDF::new_from_impl(limited)))
}

fn check(function: &AggregateUDF, args: &[Expr], schema: &DFSchema) -> Result<()> {
    if let Some(comparison) = function.inner().downcast_ref::<ComparisonFunction>() {
        comparison.read_literal(args)?;
    }
    if let Some(resampled) = function.inner().downcast_ref::<PsiCi>() {
        resampled.read_literal(args)?;
    }
    if let Some(quality) = function.inner().downcast_ref::<QualityFunction>() {
        quality.check(args, schema)?;
    }
    if let Some(embedding) = function.inner().downcast_ref::<EmbeddingFunction>() {
        embedding.check_literal(args)?;
    }
    if let Some(level) = function.inner().downcast_ref::<SloFunction>() {
        level.read_literal(args)?;
    }
    if let Some(distribution) = function.inner().downcast_ref::<DistributionFunction>() {
        distribution.read_literal(args)?;
    }
    if let Some(distribution) = function.inner().downcast_ref::<CategoryDistributionFunction>() {
        distribution.read_literal(args)?;
    }
    Ok(())
}
