//! `baseline('name' [, 'column' [, key ...]])` in the second place of a drift function, in either of a scalar function that compares
//! two distributions, or in the second of `novelty`, becomes a function that has the reference inside: `psi(x, baseline('training'))` is planned as a `psi` of `x` alone. So no row carries the reference, and the query keeps the
//! baseline of its snapshot whatever happens to the name.
//!
//! Keys that are literals are looked up here. Others go along as arguments; those of an aggregate must be equal in all rows of a group: they
//! stand in GROUP BY, or in PARTITION BY with OVER.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable, LogicalPlan, WindowFunctionDefinition};
use driftline_functions::baseline::{
    Call, Key, Keys, Kind, Operand, bind, bind_operands, call_arguments, is_drift_function, takes_baseline,
    value_kind,
};

use super::data_type;
use crate::baseline::Baseline;
use crate::context::QueryContext;
use crate::error::{Error, Result, external};

/// The baselines of a query, by name.
type Named = BTreeMap<String, Arc<Baseline>>;

/// Resolves every `baseline(...)` of a plan.
pub(super) async fn resolve(plan: LogicalPlan, context: &QueryContext) -> Result<LogicalPlan> {
    let names = names_in(&plan)?;
    if names.is_empty() {
        return Ok(plan);
    }
    let mut baselines = Named::new();
    for name in names {
        let baseline = context.relations().baseline(&name).await?;
        baselines.insert(name, baseline);
    }
    let resolved =
        plan.transform_up_with_subqueries(|node| resolve_node(node, &baselines).map_err(external))?;
    if let Some(left) = names_in(&resolved.data)?.first() {
        return Err(Error::invalid(format!(
            "baseline('{left}') stands in the second place of a drift function, as in psi(value, baseline('{left}')), or of a \
             function that compares two distributions, or of novelty"
        )));
    }
    Ok(resolved.data)
}

/// The names of the baselines that a plan calls.
fn names_in(plan: &LogicalPlan) -> Result<Vec<String>> {
    let mut names = vec![];
    let mut note = |expr: &Expr| -> DfResult<TreeNodeRecursion> {
        if let Some(arguments) = call_arguments(expr) {
            names.push(text(arguments.first(), "the name of a baseline").map_err(external)?);
        }
        Ok(TreeNodeRecursion::Continue)
    };
    plan.apply_with_subqueries(|node| node.apply_expressions(|expr| expr.apply(&mut note)))?;
    Ok(names)
}

/// An argument that must be a text literal.
fn text(argument: Option<&Expr>, what: &str) -> Result<String> {
    match argument {
        Some(Expr::Literal(literal, _)) if matches!(literal.try_as_str(), Some(Some(_))) => {
            Ok(literal.try_as_str().flatten().unwrap_or_default().to_owned())
        }
        Some(other) => Err(Error::invalid(format!("{what} must be a text literal, got {other}"))),
        None => Err(Error::invalid("baseline takes ('name' [, 'column' [, key ...]]), got no argument")),
    }
}

fn resolve_node(node: LogicalPlan, baselines: &Named) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&node.inputs());
    let constant: Vec<Expr> = match &node {
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.group_expr.iter().map(|expr| expr.clone().unalias()).collect()
        }
        _ => vec![],
    };
    // columns keep the names that the nodes above know
    let preserver = NamePreserver::new(&node);
    let rewritten = node.map_expressions(|expr| {
        let name = preserver.save(&expr);
        let rewritten = expr.transform_up(|expr| {
            resolve_call(expr, baselines, &Place { schema: &schema, constant: &constant }).map_err(external)
        })?;
        Ok(rewritten.update_data(|expr| name.restore(expr)))
    })?;
    Ok(rewritten)
}

/// Where a call stands: the columns that it sees, and what is equal in all rows of a group.
struct Place<'a> {
    schema: &'a DFSchema,
    constant: &'a [Expr],
}

fn resolve_call(expr: Expr, baselines: &Named, place: &Place<'_>) -> Result<Transformed<Expr>> {
    match expr {
        Expr::AggregateFunction(mut call) if compares_with_baseline(&call.func, &call.params.args) => {
            let (function, args) = bound(&call.func, &call.params.args, baselines, place)?;
            call = AggregateFunction { func: function, ..call };
            call.params.args = args;
            Ok(Transformed::yes(Expr::AggregateFunction(call)))
        }
        Expr::WindowFunction(mut call) => {
            let WindowFunctionDefinition::AggregateUDF(function) = &call.fun else {
                return Ok(Transformed::no(Expr::WindowFunction(call)));
            };
            if !compares_with_baseline(function, &call.params.args) {
                return Ok(Transformed::no(Expr::WindowFunction(call)));
            }
            let place = Place { schema: place.schema, constant: &call.params.partition_by };
            let (function, args) = bound(function, &call.params.args, baselines, &place)?;
            *call =
                WindowFunction { fun: WindowFunctionDefinition::AggregateUDF(function), params: call.params };
            call.params.args = args;
            Ok(Transformed::yes(Expr::WindowFunction(call)))
        }
        Expr::ScalarFunction(call)
            if takes_baseline(&call.func)
                && call.args.iter().take(2).any(|arg| call_arguments(arg).is_some()) =>
        {
            Ok(Transformed::yes(Expr::ScalarFunction(with_operands(&call, baselines, place)?)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// The scalar function that has its baselines inside, and the arguments that are left.
fn with_operands(call: &ScalarFunction, baselines: &Named, place: &Place<'_>) -> Result<ScalarFunction> {
    let mut operands = [None, None];
    let mut args = vec![];
    for (at, arg) in call.args.iter().enumerate() {
        match call_arguments(arg).filter(|_| at < operands.len()) {
            None => args.push(arg.clone()),
            Some(token) => {
                let (operand, keys) = operand_of(token, baselines, place)?;
                operands[at] = Some(operand);
                args.extend(keys);
            }
        }
    }
    Ok(ScalarFunction { func: bind_operands(&call.func, operands)?, args })
}

/// A baseline in the place of a distribution, and the keys that become arguments in its place.
fn operand_of(token: &[Expr], baselines: &Named, place: &Place<'_>) -> Result<(Operand, Vec<Expr>)> {
    let name = text(token.first(), "the name of a baseline")?;
    let baseline = &baselines[&name];
    let column = match (token.get(1), baseline.columns.as_slice()) {
        (Some(column), _) => baseline.column(&text(Some(column), "the column of a baseline")?)?,
        (None, [only]) => only,
        (None, columns) => {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            return Err(Error::invalid(format!(
                "baseline('{name}') must name its column here, as in baseline('{name}', '{}'): it has {}",
                names[0],
                names.join(", ")
            )));
        }
    };
    let (key, keys) = key_of(baseline, token.get(2..).unwrap_or_default(), place)?;
    Ok((Operand { references: Arc::clone(&column.references), key }, keys))
}

fn compares_with_baseline(function: &AggregateUDF, args: &[Expr]) -> bool {
    is_drift_function(function) && args.get(1).and_then(call_arguments).is_some()
}

/// The function that compares, and its arguments: the value, and the keys where each group has its own.
fn bound(
    function: &AggregateUDF,
    args: &[Expr],
    baselines: &Named,
    place: &Place<'_>,
) -> Result<(Arc<AggregateUDF>, Vec<Expr>)> {
    let value = &args[0];
    let token = args.get(1).and_then(call_arguments).unwrap_or_default();
    let name = text(token.first(), "the name of a baseline")?;
    let baseline = &baselines[&name];
    let column = match (token.get(1), value) {
        (Some(column), _) => text(Some(column), "the column of a baseline")?,
        (None, Expr::Column(column)) => column.name.clone(),
        (None, _) => {
            return Err(Error::invalid(format!(
                "baseline('{name}') must name its column where the value is not a plain column: \
                 baseline('{name}', 'column')"
            )));
        }
    };
    let column = baseline.column(&column)?;
    check_kind(function, value, baseline, &column.name, column.references.kind(), place)?;
    let options = args.get(2).map(|options| text(Some(options), "the options")).transpose()?;
    let (key, keys) = key_of(baseline, token.get(2..).unwrap_or_default(), place)?;
    check_constant(&keys, baseline, place)?;
    let references = Arc::clone(&column.references);
    let function = bind(function, Call { references, key, options })?;
    Ok((function, std::iter::once(value.clone()).chain(keys).collect()))
}

/// The value must be of the kind that the baseline has.
fn check_kind(
    function: &AggregateUDF,
    value: &Expr,
    baseline: &Baseline,
    column: &str,
    stored: Kind,
    place: &Place<'_>,
) -> Result<()> {
    let given = value.get_type(place.schema)?;
    match value_kind(function, &given)? {
        Some(kind) if kind != stored => Err(Error::invalid(format!(
            "column \"{column}\" of baseline \"{}\" holds {}, {value} has {}",
            baseline.name,
            stored.plural(),
            kind.plural()
        ))),
        _ => Ok(()),
    }
}

/// Which reference a call compares with, and the keys that become arguments.
fn key_of(baseline: &Baseline, given: &[Expr], place: &Place<'_>) -> Result<(Key, Vec<Expr>)> {
    let names = baseline.key_names();
    if given.len() != names.len() {
        let wanted = match names {
            [] => "has no keys".to_owned(),
            names => format!(
                "has the keys {}: baseline('{}', 'column', {})",
                names.join(", "),
                baseline.name,
                names.join(", ")
            ),
        };
        return Err(Error::invalid(format!("baseline \"{}\" {wanted}; got {}", baseline.name, given.len())));
    }
    let Some(keys) = &baseline.keys else { return Ok((Key::Only, vec![])) };
    let stored: Vec<_> = keys.columns().iter().map(|column| column.data_type().clone()).collect();
    for ((name, key), stored) in names.iter().zip(given).zip(&stored) {
        let found = Keys::stored_type(&key.get_type(place.schema)?);
        let fits = found.is_null()
            || found == *stored
            || (found.is_numeric() && stored.is_numeric())
            || (found.is_temporal() && stored.is_temporal());
        if !fits {
            return Err(Error::invalid(format!(
                "key \"{name}\" of baseline \"{}\" is {}, got {key} of type {}",
                baseline.name,
                data_type::name(stored),
                data_type::name(&found)
            )));
        }
    }
    if let Some(literals) = literals(given) {
        return Ok((Key::Given(literals), vec![]));
    }
    Ok((Key::Arguments, given.to_vec()))
}

/// The keys that an aggregate takes as arguments must be equal in all rows of a group.
fn check_constant(keys: &[Expr], baseline: &Baseline, place: &Place<'_>) -> Result<()> {
    for key in keys {
        let is_constant =
            place.constant.contains(key) || (key.column_refs().is_empty() && !key.is_volatile());
        if !is_constant {
            return Err(Error::invalid(format!(
                "the key {key} of baseline \"{}\" must be equal in all rows of a group: a literal, or an expression of GROUP BY \
                 (with OVER, of PARTITION BY)",
                baseline.name
            )));
        }
    }
    Ok(())
}

/// The values of the keys, if all are literals.
fn literals(keys: &[Expr]) -> Option<Vec<ScalarValue>> {
    keys.iter()
        .map(|key| match key {
            Expr::Literal(value, _) => Some(value.clone()),
            _ => None,
        })
        .collect()
}
