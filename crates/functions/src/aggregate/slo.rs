//! What the service-level functions share: `f(good BOOLEAN, objective)` and `f(good_count, total_count, objective)`.
//!
//! The state is integer counts and the one objective of the group, so partial states merge exactly in any order.

mod accumulator;
mod objective;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_datafusion_err, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature,
    Volatility,
};
use datafusion::physical_expr::expressions::Literal;

pub(crate) use accumulator::Traffic;

/// What one service-level function is.
#[derive(Debug)]
pub(crate) struct ServiceLevel {
    pub(crate) name: &'static str,
    /// The number, from traffic that is not empty.
    pub(crate) measure: fn(&Traffic) -> f64,
    pub(crate) documentation: fn() -> &'static Documentation,
}

/// Makes the aggregate function of a service level.
pub(crate) fn function(level: &'static ServiceLevel) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(SloFunction::new(level, None)))
}

/// A service level as an aggregate function of DataFusion. `bound` holds the bits of the objective once planning has read
/// its literal.
pub(crate) struct SloFunction {
    level: &'static ServiceLevel,
    bound: Option<u64>,
    signature: Signature,
}

impl SloFunction {
    fn new(level: &'static ServiceLevel, bound: Option<u64>) -> Self {
        Self { level, bound, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn groups(&self, args: &AccumulatorArgs<'_>) -> Result<accumulator::SloGroups> {
        if args.is_distinct {
            return plan_err!("{}: DISTINCT would drop events and is not supported", self.level.name);
        }
        let literal = match self.bound {
            Some(bits) => Some(f64::from_bits(bits)),
            None => match args.exprs.last().and_then(|last| last.downcast_ref::<Literal>()) {
                Some(literal) => objective::of_literal(literal.value())?,
                None => None,
            },
        };
        Ok(accumulator::SloGroups::new(self.level, literal))
    }

    /// The literal objective of a call that still has one, checked.
    pub(crate) fn read_literal(&self, args: &[Expr]) -> Result<Option<f64>> {
        match args.last() {
            Some(Expr::Literal(literal, _))
                if self.bound.is_none() && args.len() > 1 && literal.data_type().is_numeric() =>
            {
                objective::of_literal(literal).map_err(|error| plan_datafusion_err!("{}", error.message()))
            }
            _ => Ok(None),
        }
    }

    fn is_counts(&self, arg_types: &[DataType]) -> bool {
        arg_types.len() + usize::from(self.bound.is_some()) == 3
    }
}

impl AggregateUDFImpl for SloFunction {
    fn name(&self) -> &str {
        self.level.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = arg_types.to_vec();
        if self.bound.is_none()
            && let Some(objective) = coerced.last_mut()
            && (objective.is_numeric() || objective.is_null())
        {
            *objective = DataType::Float64;
        }
        let counts = self.is_counts(arg_types);
        let measured = coerced.len() - usize::from(self.bound.is_none() && !coerced.is_empty());
        for kind in &mut coerced[..measured] {
            *kind = match &*kind {
                DataType::Null if counts => DataType::Int64,
                DataType::Null => DataType::Boolean,
                kind if counts && kind.is_integer() => DataType::Int64,
                kind if counts && kind.is_numeric() => DataType::Float64,
                kind => kind.clone(),
            };
        }
        Ok(coerced)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let name = self.level.name;
        let measured =
            if self.bound.is_some() { arg_types } else { &arg_types[..arg_types.len().saturating_sub(1)] };
        match measured {
            [DataType::Boolean | DataType::Null] => {}
            [good] => {
                return plan_err!(
                    "{name}: good must be BOOLEAN, got {good} (counts take good_count, total_count, objective)"
                );
            }
            [good, total] => {
                for (argument, kind) in [("good_count", good), ("total_count", total)] {
                    if !(kind.is_numeric() || kind.is_null()) {
                        return plan_err!("{name}: {argument} must be a number of events, got {kind}");
                    }
                }
            }
            _ => {
                return plan_err!(
                    "{name}: takes (good, objective) or (good_count, total_count, objective), got {} arguments",
                    arg_types.len()
                );
            }
        }
        match (self.bound, arg_types.last()) {
            (None, Some(objective)) if !(objective.is_numeric() || objective.is_null()) => {
                plan_err!("{name}: objective must be a number in (0, 1), got {objective}")
            }
            _ => Ok(DataType::Float64),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |name: &str, kind| Arc::new(Field::new(format_state_name(args.name, name), kind, true));
        Ok(vec![
            field("rows", DataType::UInt64),
            field("good", DataType::UInt64),
            field("total", DataType::UInt64),
            field("objective", DataType::Float64),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(accumulator::SloAccumulator::new(self.groups(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.groups(&args)?))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    /// Checks a literal objective while planning, and spares the aggregation an array of equal numbers a batch.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let (level, bound) = (self.level, self.bound);
        Some(Box::new(move |mut call: AggregateFunction, _| {
            if let Some(objective) = SloFunction::new(level, bound).read_literal(&call.params.args)? {
                call.params.args.pop();
                call.func =
                    Arc::new(AggregateUDF::new_from_impl(SloFunction::new(level, Some(objective.to_bits()))));
            }
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some((self.level.documentation)())
    }
}

impl std::fmt::Debug for SloFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let objective = self.bound.map(f64::from_bits);
        f.debug_struct("SloFunction").field("name", &self.level.name).field("objective", &objective).finish()
    }
}

impl PartialEq for SloFunction {
    fn eq(&self, other: &Self) -> bool {
        self.level.name == other.level.name && self.bound == other.bound
    }
}

impl Eq for SloFunction {}

impl Hash for SloFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.level.name.hash(state);
        self.bound.hash(state);
    }
}
