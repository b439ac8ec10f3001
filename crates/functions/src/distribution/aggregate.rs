//! `distribution` and `distribution_merge` as aggregate functions of DataFusion.

use std::hash::Hash;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature,
    Volatility,
};
use datafusion::physical_expr::expressions::Literal;

use super::accumulator::{DistributionAccumulator, DistributionGroups, SlidingDistributions, SlidingValues};
use super::categories::{self, CATEGORIES_MAX, CategoryAccumulator, CategoryGroups, SlidingCategories};
use super::{column, documentation};
use crate::kernels::distribution::{BUCKETS_DEFAULT, BUCKETS_MAX, BUCKETS_MIN};
use crate::options::named::NamedOptions;
use crate::scalar::Texts;

/// From what a distribution is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// `distribution(value [, options])`.
    Values,
    /// `distribution_merge(distribution)`.
    Distributions,
}

/// The function. `bound` holds the most buckets once planning has read the literal of options.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct DistributionFunction {
    source: Source,
    bound: Option<u32>,
    signature: Signature,
}

/// Reads `'buckets=320'`.
pub(super) fn parse_buckets(text: &str) -> Result<u32, String> {
    let options = NamedOptions::parse(text, &["buckets"])?;
    Ok(options.whole("buckets", BUCKETS_MIN..=BUCKETS_MAX)?.unwrap_or(BUCKETS_DEFAULT))
}

impl DistributionFunction {
    pub(super) fn new(source: Source) -> Self {
        Self { source, bound: None, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// The literal of options in a call that still has one, checked.
    pub(crate) fn read_literal(&self, args: &[Expr]) -> Result<Option<u32>> {
        match (self.source, args.get(1)) {
            (Source::Values, Some(Expr::Literal(literal, _))) => match literal.try_as_str() {
                Some(Some(text)) => self.parse(text).map(Some),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn parse(&self, text: &str) -> Result<u32> {
        parse_buckets(text).or_else(|message| plan_err!("{}: {message}", self.name()))
    }

    fn max_buckets(&self, args: &AccumulatorArgs<'_>) -> Result<u32> {
        let name = self.name();
        if args.is_distinct {
            return plan_err!("{name}: DISTINCT changes the distribution and is not supported");
        }
        match (self.source, self.bound, args.exprs.get(1)) {
            // a merge keeps to the least of what it merges
            (Source::Distributions, ..) => Ok(BUCKETS_MAX),
            (Source::Values, Some(bound), _) => Ok(bound),
            (Source::Values, None, None) => Ok(BUCKETS_DEFAULT),
            (Source::Values, None, Some(expr)) => {
                match expr.downcast_ref::<Literal>().map(|literal| literal.value().try_as_str()) {
                    Some(Some(Some(text))) => self.parse(text),
                    _ => plan_err!("{name}: the options must be one text literal"),
                }
            }
        }
    }

    /// Whether a merge is of distributions of categories.
    fn merges_categories(&self, first: &DataType) -> bool {
        self.source == Source::Distributions && categories::reads(first)
    }

    fn check_value(&self, value: &DataType) -> Result<()> {
        let name = self.name();
        match value {
            number if number.is_numeric() || number.is_null() => Ok(()),
            DataType::Dictionary(_, inner) => self.check_value(inner),
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => plan_err!(
                "{name}: cannot take values of type {value}: instants only move forward, so no two periods share a \
                 bucket; pass a part, for example extract(hour FROM time), or a duration in seconds"
            ),
            DataType::Duration(_) | DataType::Interval(_) | DataType::Time32(_) | DataType::Time64(_) => {
                plan_err!(
                    "{name}: cannot take values of type {value}: pass a number, for example the duration in milliseconds"
                )
            }
            DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => plan_err!(
                "{name}: cannot take values of type {value}: categories have no order; use category_distribution(value)"
            ),
            _ => plan_err!("{name}: cannot take values of type {value}: pass a number"),
        }
    }
}

impl AggregateUDFImpl for DistributionFunction {
    fn name(&self) -> &str {
        match self.source {
            Source::Values => "distribution",
            Source::Distributions => "distribution_merge",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(first) = types.first_mut() {
            *first = match (self.source, &*first) {
                (Source::Distributions, kind) => column::coerced(kind),
                (Source::Values, DataType::Dictionary(_, inner)) if inner.is_numeric() => DataType::Float64,
                (Source::Values, kind) if kind.is_numeric() || kind.is_null() => DataType::Float64,
                (Source::Values, kind) => kind.clone(),
            };
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let name = self.name();
        match (self.source, arg_types) {
            (Source::Values, [value]) => self.check_value(value)?,
            (Source::Values, [value, options]) if Texts::reads(options) => self.check_value(value)?,
            (Source::Values, [_, options]) => {
                return plan_err!("{name}: the options must be one text literal, got {options}");
            }
            (Source::Values, _) => {
                return plan_err!("{name}: takes (value [, options]), got {} arguments", arg_types.len());
            }
            (Source::Distributions, [distribution]) if categories::reads(distribution) => {
                return Ok(categories::data_type());
            }
            (Source::Distributions, [distribution]) if column::reads(distribution) => {}
            (Source::Distributions, [other]) => {
                return plan_err!(
                    "{name}: takes what distribution(value) or category_distribution(value) makes, got {other}"
                );
            }
            (Source::Distributions, _) => {
                return plan_err!("{name}: takes (distribution), got {} arguments", arg_types.len());
            }
        }
        Ok(column::data_type())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "distribution");
        let kind = match self.merges_categories(args.input_fields[0].data_type()) {
            true => categories::data_type(),
            false => column::data_type(),
        };
        Ok(vec![Arc::new(Field::new(name, kind, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if self.merges_categories(args.expr_fields[0].data_type()) {
            self.max_buckets(&args)?;
            return Ok(Box::new(CategoryAccumulator::new(self.source, CATEGORIES_MAX)));
        }
        Ok(Box::new(DistributionAccumulator::new(self.source, self.max_buckets(&args)?)))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let max_buckets = self.max_buckets(&args)?;
        if self.merges_categories(args.expr_fields[0].data_type()) {
            return Ok(Box::new(SlidingCategories::new(self.source, CATEGORIES_MAX)));
        }
        Ok(match self.source {
            Source::Values => Box::new(SlidingValues::new(max_buckets)),
            Source::Distributions => Box::new(SlidingDistributions::new(max_buckets)),
        })
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        if self.merges_categories(args.expr_fields[0].data_type()) {
            self.max_buckets(&args)?;
            return Ok(Box::new(CategoryGroups::new(self.source, CATEGORIES_MAX)));
        }
        Ok(Box::new(DistributionGroups::new(self.source, self.max_buckets(&args)?)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    /// Reads the literal of options while planning, and spares the aggregation an array of equal texts a batch.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let source = self.source;
        Some(Box::new(move |mut call: AggregateFunction, _| {
            let unbound = Self::new(source);
            if let Some(bound) = unbound.read_literal(&call.params.args)? {
                call.params.args.truncate(1);
                call.func = Arc::new(AggregateUDF::new_from_impl(Self { bound: Some(bound), ..unbound }));
            }
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(match self.source {
            Source::Values => &documentation::DISTRIBUTION,
            Source::Distributions => &documentation::DISTRIBUTION_MERGE,
        })
    }
}
