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
use datafusion::logical_expr::{AggregateUDF, AggregateUDFImpl, Expr, WindowFunctionDefinition};

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
        CHECKS.iter().try_for_each(|check| check(function, args, schema))?;
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

/// A function that can refuse its literal arguments before rows come.
trait HasLiterals: AggregateUDFImpl {
    fn check(&self, args: &[Expr], schema: &DFSchema) -> Result<()>;
}

/// Checks a call of `F`; nothing where the function is another one.
type Check = fn(&AggregateUDF, &[Expr], &DFSchema) -> Result<()>;

fn check_of<F: HasLiterals>(function: &AggregateUDF, args: &[Expr], schema: &DFSchema) -> Result<()> {
    function.inner().downcast_ref::<F>().map_or(Ok(()), |function| function.check(args, schema))
}

/// One a kind of function.
const CHECKS: [Check; 7] = [
    check_of::<ComparisonFunction>,
    check_of::<PsiCi>,
    check_of::<EmbeddingFunction>,
    check_of::<QualityFunction>,
    check_of::<SloFunction>,
    check_of::<DistributionFunction>,
    check_of::<CategoryDistributionFunction>,
];

impl HasLiterals for ComparisonFunction {
    fn check(&self, args: &[Expr], _: &DFSchema) -> Result<()> {
        self.read_literal(args).map(drop)
    }
}

impl HasLiterals for PsiCi {
    fn check(&self, args: &[Expr], _: &DFSchema) -> Result<()> {
        self.read_literal(args).map(drop)
    }
}

impl HasLiterals for EmbeddingFunction {
    fn check(&self, args: &[Expr], _: &DFSchema) -> Result<()> {
        self.check_literal(args)
    }
}

impl HasLiterals for QualityFunction {
    fn check(&self, args: &[Expr], schema: &DFSchema) -> Result<()> {
        self.check_call(args, schema)
    }
}

impl HasLiterals for SloFunction {
    fn check(&self, args: &[Expr], _: &DFSchema) -> Result<()> {
        self.read_literals(args).map(drop)
    }
}

impl HasLiterals for DistributionFunction {
    fn check(&self, args: &[Expr], _: &DFSchema) -> Result<()> {
        self.read_literal(args).map(drop)
    }
}

impl HasLiterals for CategoryDistributionFunction {
    fn check(&self, args: &[Expr], _: &DFSchema) -> Result<()> {
        self.read_literal(args).map(drop)
    }
}
