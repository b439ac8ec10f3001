//! What the service-level functions share: `f(good BOOLEAN, objective)` and `f(good_count, total_count, objective)`; `sli` needs no
//! objective, and `time_to_exhaustion` a period behind it.
//!
//! The state is integer counts and the one objective of the group, so partial states merge exactly in any order.

mod accumulator;
mod objective;
pub(crate) mod period;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue, plan_datafusion_err, plan_err};
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
    pub(crate) measure: Measure,
    pub(crate) documentation: fn() -> &'static Documentation,
}

/// The number, from traffic that is not empty, and with it what a call says behind the events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measure {
    /// Nothing.
    Events(fn(&Traffic) -> f64),
    /// The objective.
    Objective(fn(&Traffic) -> f64),
    /// The objective, and the length of its period in seconds.
    Period(fn(&Traffic, f64) -> Option<f64>),
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
        let literals: Vec<Option<&ScalarValue>> =
            args.exprs.iter().map(|expr| Some(expr.downcast_ref::<Literal>()?.value())).collect();
        let (before, period_ns) = match (self.has_period(), literals.as_slice()) {
            (true, [before @ .., period]) => (before, Some(period::of_literal(self.level.name, *period)?)),
            (_, all) => (all, None),
        };
        let literal = match (self.bound, self.level.measure) {
            (Some(bits), _) => Some(f64::from_bits(bits)),
            (None, Measure::Events(_)) => Some(objective::NONE),
            (None, _) => match before.last().copied().flatten() {
                Some(literal) => objective::of_literal(literal)?,
                None => None,
            },
        };
        Ok(accumulator::SloGroups::new(self.level, literal, period_ns))
    }

    fn has_objective(&self) -> bool {
        self.bound.is_none() && !matches!(self.level.measure, Measure::Events(_))
    }

    fn has_period(&self) -> bool {
        matches!(self.level.measure, Measure::Period(_))
    }

    /// Checks the literals of a call that still has them while planning: the objective and its place, where there is one.
    pub(crate) fn read_literals(&self, args: &[Expr]) -> Result<Option<(usize, f64)>> {
        let plan_error = |error: DataFusionError| plan_datafusion_err!("{}", error.message());
        let behind = usize::from(self.has_period());
        if let (true, Some(Expr::Literal(period, _))) = (self.has_period(), args.last()) {
            period::of_literal(self.level.name, Some(period)).map_err(plan_error)?;
        }
        let place = args.len().saturating_sub(1 + behind);
        match args.get(place) {
            Some(Expr::Literal(literal, _))
                if self.has_objective() && place > 0 && literal.data_type().is_numeric() =>
            {
                let objective = objective::of_literal(literal).map_err(plan_error)?;
                Ok(objective.map(|objective| (place, objective)))
            }
            _ => Ok(None),
        }
    }

    /// Splits what a call says: the events, the objective, the period.
    fn split<'a, T>(&self, args: &'a [T]) -> (&'a [T], Option<&'a T>, Option<&'a T>) {
        let (args, period) = match args {
            [before @ .., period] if self.has_period() => (before, Some(period)),
            all => (all, None),
        };
        match args {
            [events @ .., objective] if self.has_objective() => (events, Some(objective), period),
            events => (events, None, period),
        }
    }

    /// The ways to call it, for messages.
    fn usage(&self) -> &'static str {
        match self.level.measure {
            Measure::Events(_) => "(good) or (good_count, total_count)",
            Measure::Objective(_) => "(good, objective) or (good_count, total_count, objective)",
            Measure::Period(_) => "(good, objective, period) or (good_count, total_count, objective, period)",
        }
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
        let (events, objective, period) = self.split(arg_types);
        let counts = events.len() == 2;
        let events = events.iter().map(|kind| match kind {
            DataType::Null if counts => DataType::Int64,
            DataType::Null => DataType::Boolean,
            kind if counts && kind.is_integer() => DataType::Int64,
            kind if counts && kind.is_numeric() => DataType::Float64,
            kind => kind.clone(),
        });
        let objective = objective.map(|kind| match kind.is_numeric() || kind.is_null() {
            true => DataType::Float64,
            false => kind.clone(),
        });
        Ok(events.chain(objective).chain(period.map(period::coerced)).collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let name = self.level.name;
        let (events, objective, period) = self.split(arg_types);
        match events {
            [DataType::Boolean | DataType::Null] => {}
            [good] => {
                return plan_err!("{name}: good must be BOOLEAN, got {good}; it takes {}", self.usage());
            }
            [good, total] => {
                for (argument, kind) in [("good_count", good), ("total_count", total)] {
                    if !(kind.is_numeric() || kind.is_null()) {
                        return plan_err!("{name}: {argument} must be a number of events, got {kind}");
                    }
                }
            }
            _ => {
                return plan_err!("{name}: takes {}, got {} arguments", self.usage(), arg_types.len());
            }
        }
        if let Some(kind) = objective.filter(|kind| !(kind.is_numeric() || kind.is_null())) {
            return plan_err!("{name}: objective must be a number in (0, 1), got {kind}");
        }
        if let Some(kind) = period.filter(|kind| !period::is_period(kind)) {
            return plan_err!(
                "{name}: period must be an INTERVAL, for example INTERVAL '30 days', got {kind}"
            );
        }
        Ok(DataType::Float64)
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
            let function = SloFunction::new(level, bound);
            if let Some((place, objective)) = function.read_literals(&call.params.args)? {
                call.params.args.remove(place);
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
