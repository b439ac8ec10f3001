//! Functions over two populations: `f(value, is_current [, options])`.
//!
//! A [`Comparison`] says what one SQL function is; [`ComparisonFunction`] is its way into DataFusion. What is kept per
//! group follows from the type of the value and the options:
//!
//! | value | kept | state that travels |
//! |---|---|---|
//! | numbers | the finite values as ordered keys | the keys; for ranks as sorted runs, merged in the final step |
//! | numbers, `edges=[...]` | counts a bin | counts |
//! | booleans | two counts a side | counts |
//! | text | counts a distinct text | texts and counts |
//!
//! So partial states merge in any order to the same integers, and floats appear only when a group is finished.

mod categories;
mod counts;
mod interner;
pub(crate) mod rows;
mod runs;
mod values;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature,
    Volatility,
};
use datafusion::physical_expr::expressions::Literal;

use crate::kernels::bins;
use crate::kernels::keys::value_of;
use crate::kernels::selection::order_statistics;
use crate::options::{Binning, OptionName, Options};

/// What one SQL function over two populations is.
pub(crate) struct Comparison {
    pub(crate) name: &'static str,
    pub(crate) options: &'static [OptionName],
    pub(crate) measure: Measure,
    pub(crate) documentation: fn() -> &'static Documentation,
}

/// The number, from the finished populations.
pub(crate) enum Measure {
    /// A DOUBLE from counts over the same bins; `None` when a side is empty. Takes numbers and categories.
    Binned(fn(&[u64], &[u64], &Options) -> Option<f64>),
    /// Any value from the sorted numbers; never called with an empty side. Takes numbers only.
    Ranked { return_type: fn() -> DataType, measure: fn(&[u64], &[u64], &Options) -> Result<ScalarValue> },
}

/// Makes the aggregate function of a comparison.
pub(crate) fn function(comparison: &'static Comparison) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(ComparisonFunction::new(comparison, None)))
}

impl Comparison {
    fn return_type(&self) -> DataType {
        match self.measure {
            Measure::Binned(_) => DataType::Float64,
            Measure::Ranked { return_type, .. } => return_type(),
        }
    }

    /// The result over counts.
    fn of_counts(&self, reference: &[u64], current: &[u64], options: &Options) -> Result<ScalarValue> {
        match self.measure {
            Measure::Binned(measure) => Ok(ScalarValue::Float64(measure(reference, current, options))),
            Measure::Ranked { .. } => plan_err!("{} compares numbers, not categories", self.name),
        }
    }

    /// Whether the numbers of a group must be sorted; bins need them only selected and counted.
    fn needs_order(&self) -> bool {
        matches!(self.measure, Measure::Ranked { .. })
    }

    /// The result over sorted keys.
    fn of_sorted(&self, reference: &[u64], current: &[u64], options: &Options) -> Result<ScalarValue> {
        if reference.is_empty() || current.is_empty() {
            return ScalarValue::try_from(self.return_type());
        }
        match self.measure {
            Measure::Ranked { measure, .. } => measure(reference, current, options),
            Measure::Binned(_) => {
                let edges = match &options.binning {
                    Binning::Quantile { bins } => {
                        bins::quantile_edges(reference.len(), *bins, |at| reference[at])
                    }
                    Binning::Uniform { bins } => bins::uniform_edges(
                        value_of(reference[0]),
                        value_of(reference[reference.len() - 1]),
                        *bins,
                    ),
                    Binning::Edges(edges) => edges.clone(),
                };
                let counts = |keys| bins::counts_of_sorted(keys, &edges);
                self.of_counts(&counts(reference), &counts(current), options)
            }
        }
    }

    /// The result over keys in any order; the reference may be reordered. Bins only: three times as fast as sorting first.
    fn of_unsorted(
        &self,
        reference: &mut [u64],
        current: &[&[u64]],
        options: &Options,
    ) -> Result<ScalarValue> {
        if reference.is_empty() || current.iter().all(|part| part.is_empty()) {
            return ScalarValue::try_from(self.return_type());
        }
        let edges = match &options.binning {
            Binning::Quantile { bins } => {
                let positions = bins::quantile_positions(reference.len(), *bins);
                let found = order_statistics(reference, &positions);
                let nth = |at: usize| found[positions.partition_point(|&position| position < at)];
                bins::quantile_edges(reference.len(), *bins, nth)
            }
            Binning::Uniform { bins } => {
                let (low, high) =
                    reference.iter().fold((u64::MAX, 0), |(low, high), &key| (low.min(key), high.max(key)));
                bins::uniform_edges(value_of(low), value_of(high), *bins)
            }
            Binning::Edges(edges) => edges.clone(),
        };
        let counts = |parts: &[&[u64]]| {
            let mut counts = vec![0; edges.len() + 1];
            parts.iter().for_each(|part| bins::add_key_counts(&mut counts, part, &edges));
            counts
        };
        self.of_counts(&counts(&[reference]), &counts(current), options)
    }
}

/// A comparison as an aggregate function of DataFusion. `bound` holds the options once planning has read their literal.
pub(crate) struct ComparisonFunction {
    comparison: &'static Comparison,
    bound: Option<String>,
    signature: Signature,
}

/// A function with its options read: what an accumulator needs.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) comparison: &'static Comparison,
    pub(crate) options: Arc<Options>,
}

/// What is kept of a value.
enum Kept {
    Values,
    Counts(counts::Bins),
    Categories,
}

impl ComparisonFunction {
    fn new(comparison: &'static Comparison, bound: Option<String>) -> Self {
        Self { comparison, bound, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn parse(&self, text: &str) -> Result<Options> {
        Options::parse(text, self.comparison.options).map_err(|message| self.refuse(&message))
    }

    /// The literal of options in a call that still has one, checked.
    pub(crate) fn read_literal<'a>(&self, args: &'a [Expr]) -> Result<Option<&'a str>> {
        if let Some(Expr::Literal(literal, _)) = args.get(2)
            && let Some(Some(text)) = literal.try_as_str()
        {
            self.parse(text)?;
            return Ok(Some(text));
        }
        Ok(None)
    }

    fn refuse(&self, message: &str) -> DataFusionError {
        DataFusionError::Plan(format!("{}: {message}", self.comparison.name))
    }

    /// Reads the options and decides what is kept.
    fn plan(&self, args: &AccumulatorArgs<'_>) -> Result<(Plan, Kept)> {
        if args.is_distinct {
            return Err(self.refuse("DISTINCT changes the distribution and is not supported"));
        }
        let options = match (&self.bound, args.exprs.get(2)) {
            (Some(text), _) => self.parse(text)?,
            (None, None) => Options::default(),
            (None, Some(expr)) => {
                match expr.downcast_ref::<Literal>().map(|literal| literal.value().try_as_str()) {
                    Some(Some(Some(text))) => self.parse(text)?,
                    _ => return Err(self.refuse("the options must be one text literal")),
                }
            }
        };
        let kept = match args.expr_fields[0].data_type() {
            DataType::Float64 => match &options.binning {
                Binning::Edges(edges) => Kept::Counts(counts::Bins::Edges(edges.clone().into())),
                _ => Kept::Values,
            },
            DataType::Boolean => Kept::Counts(counts::Bins::Boolean),
            _ => Kept::Categories,
        };
        if !matches!(args.expr_fields[0].data_type(), DataType::Float64) {
            options.check_categories().map_err(|message| self.refuse(&message))?;
        }
        Ok((Plan { comparison: self.comparison, options: Arc::new(options) }, kept))
    }

    fn check_value(&self, value: &DataType) -> Result<()> {
        let advice = match value {
            DataType::Float64 => return Ok(()),
            other if is_category(other) => match self.comparison.measure {
                Measure::Binned(_) => return Ok(()),
                Measure::Ranked { .. } => "it ranks numbers; compare categories with psi or js_distance",
            },
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                "instants only move forward, so two periods always differ; compare a part, for example \
                 extract(hour FROM time), or a duration in seconds"
            }
            DataType::Duration(_) | DataType::Interval(_) | DataType::Time32(_) | DataType::Time64(_) => {
                "compare a number, for example the duration in milliseconds"
            }
            _ => "pass a number, a text or a boolean",
        };
        Err(self.refuse(&format!("cannot compare values of type {value}: {advice}")))
    }
}

impl AggregateUDFImpl for ComparisonFunction {
    fn name(&self) -> &str {
        self.comparison.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = arg_types.to_vec();
        if let Some(value) = coerced.first_mut() {
            *value = value_type(value);
        }
        if let Some(flag @ DataType::Null) = coerced.get_mut(1) {
            *flag = DataType::Boolean;
        }
        Ok(coerced)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let (value, flag) = match arg_types {
            [value, flag] => (value, flag),
            [value, flag, options] if is_text(options) => (value, flag),
            [_, _, options] => {
                return Err(self.refuse(&format!("the options must be one text literal, got {options}")));
            }
            _ => {
                let message =
                    format!("takes (value, is_current [, options]), got {} arguments", arg_types.len());
                return Err(self.refuse(&message));
            }
        };
        self.check_value(&value_type(value))?;
        if !matches!(flag, DataType::Boolean | DataType::Null) {
            return Err(self.refuse(&format!(
                "is_current must be BOOLEAN (false = reference, true = current, NULL = neither), got {flag}"
            )));
        }
        Ok(self.comparison.return_type())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field =
            |name: &str, kind: DataType| Arc::new(Field::new(format_state_name(args.name, name), kind, true));
        let integers = || DataType::LargeList(runs::item_field(DataType::UInt64));
        let mut fields = vec![field("reference", integers()), field("current", integers())];
        if !matches!(args.input_fields[0].data_type(), DataType::Float64 | DataType::Boolean) {
            fields.insert(0, field("texts", DataType::LargeList(runs::item_field(DataType::LargeUtf8))));
        }
        Ok(fields)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(match self.plan(&args)? {
            (plan, Kept::Values) => Box::new(values::ValuesAccumulator::new(plan)),
            (plan, Kept::Counts(bins)) => Box::new(counts::CountsAccumulator::new(plan, bins)),
            (plan, Kept::Categories) => Box::new(categories::CategoriesAccumulator::new(plan)),
        })
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(match self.plan(&args)? {
            (plan, Kept::Values) => Box::new(values::ValuesGroupsAccumulator::new(plan)),
            (plan, Kept::Counts(bins)) => Box::new(counts::CountsGroupsAccumulator::new(plan, bins)),
            (plan, Kept::Categories) => Box::new(categories::CategoriesGroupsAccumulator::new(plan)),
        })
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    /// Reads the literal of options while planning, and spares the aggregation an array of equal texts a batch.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let comparison = self.comparison;
        Some(Box::new(move |mut call: AggregateFunction, _| {
            let unbound = ComparisonFunction::new(comparison, None);
            if let Some(text) = unbound.read_literal(&call.params.args)?.map(str::to_string) {
                call.params.args.truncate(2);
                call.func =
                    Arc::new(AggregateUDF::new_from_impl(ComparisonFunction::new(comparison, Some(text))));
            }
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some((self.comparison.documentation)())
    }
}

impl std::fmt::Debug for ComparisonFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComparisonFunction")
            .field("name", &self.comparison.name)
            .field("bound", &self.bound)
            .finish()
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("name", &self.comparison.name).field("options", &self.options).finish()
    }
}

impl PartialEq for ComparisonFunction {
    fn eq(&self, other: &Self) -> bool {
        self.comparison.name == other.comparison.name && self.bound == other.bound
    }
}

impl Eq for ComparisonFunction {}

impl Hash for ComparisonFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.comparison.name.hash(state);
        self.bound.hash(state);
    }
}

/// The type a value is read as: every number as DOUBLE, categories as they are.
fn value_type(value: &DataType) -> DataType {
    match value {
        DataType::Dictionary(_, inner) if !is_text(inner) => value_type(inner),
        number if number.is_numeric() || number.is_null() => DataType::Float64,
        other => other.clone(),
    }
}

fn is_category(value: &DataType) -> bool {
    match value {
        DataType::Boolean => true,
        DataType::Dictionary(_, inner) => is_text(inner),
        other => is_text(other),
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
