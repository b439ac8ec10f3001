//! `category_distribution` as an aggregate function of DataFusion.

use std::hash::Hash;
use std::sync::{Arc, LazyLock};

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

use super::super::aggregate::Source;
use super::super::documentation::DISTRIBUTIONS;
use super::{
    CATEGORIES_DEFAULT, CATEGORIES_MAX, CategoryAccumulator, CategoryGroups, SlidingCategories, data_type,
};
use crate::options::named::NamedOptions;
use crate::scalar::Texts;

const NAME: &str = "category_distribution";

/// The function. `bound` holds the most categories once planning has read the literal of options.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct CategoryDistributionFunction {
    bound: Option<u32>,
    signature: Signature,
}

impl CategoryDistributionFunction {
    pub(in super::super) fn new() -> Self {
        Self { bound: None, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// The literal of options in a call that still has one, checked.
    pub(crate) fn read_literal(&self, args: &[Expr]) -> Result<Option<u32>> {
        match args.get(1) {
            Some(Expr::Literal(literal, _)) => match literal.try_as_str() {
                Some(Some(text)) => parse(text).map(Some),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn max_categories(&self, args: &AccumulatorArgs<'_>) -> Result<u32> {
        if args.is_distinct {
            return plan_err!("{NAME}: DISTINCT changes the distribution and is not supported");
        }
        match (self.bound, args.exprs.get(1)) {
            (Some(bound), _) => Ok(bound),
            (None, None) => Ok(CATEGORIES_DEFAULT),
            (None, Some(expr)) => {
                match expr.downcast_ref::<Literal>().map(|literal| literal.value().try_as_str()) {
                    Some(Some(Some(text))) => parse(text),
                    _ => plan_err!("{NAME}: the options must be one text literal"),
                }
            }
        }
    }
}

/// Reads `'categories=10000'`.
fn parse(text: &str) -> Result<u32> {
    let parsed = NamedOptions::parse(text, &["categories"])
        .and_then(|options| options.whole("categories", 1..=CATEGORIES_MAX));
    match parsed {
        Ok(given) => Ok(given.unwrap_or(CATEGORIES_DEFAULT)),
        Err(message) => plan_err!("{NAME}: {message}"),
    }
}

fn check_value(value: &DataType) -> Result<()> {
    match value {
        DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(()),
        DataType::Dictionary(_, inner) if !matches!(**inner, DataType::Dictionary(..)) => check_value(inner),
        number if number.is_numeric() => plan_err!(
            "{NAME}: cannot take values of type {value}: numbers have an order, which distribution(value) keeps; a code that is a \
             number is a category after a cast to TEXT"
        ),
        _ => plan_err!("{NAME}: cannot take values of type {value}: pass a text or a boolean"),
    }
}

impl AggregateUDFImpl for CategoryDistributionFunction {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(value @ DataType::Null) = types.first_mut() {
            *value = DataType::Utf8View;
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [value] => check_value(value)?,
            [value, options] if Texts::reads(options) => check_value(value)?,
            [_, options] => return plan_err!("{NAME}: the options must be one text literal, got {options}"),
            _ => return plan_err!("{NAME}: takes (value [, options]), got {} arguments", arg_types.len()),
        }
        Ok(data_type())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format_state_name(args.name, "distribution"), data_type(), true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(CategoryAccumulator::new(Source::Values, self.max_categories(&args)?)))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SlidingCategories::new(Source::Values, self.max_categories(&args)?)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(CategoryGroups::new(Source::Values, self.max_categories(&args)?)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    /// Reads the literal of options while planning, and spares the aggregation an array of equal texts a batch.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(move |mut call: AggregateFunction, _| {
            let unbound = Self::new();
            if let Some(bound) = unbound.read_literal(&call.params.args)? {
                call.params.args.truncate(1);
                call.func = Arc::new(AggregateUDF::new_from_impl(Self { bound: Some(bound), ..unbound }));
            }
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DISTRIBUTIONS,
        "Summarises categories by how often each comes, a STRUCT that a table can store: `count` (values), `null_count` (left out of \
         it), `max_categories`, `error`, and by name `categories` with `counts`.\n\n\
         Up to `categories` distinct ones all is exact and `error` is 0: merging gives the same bits whatever the order, the \
         partitions or the partial results. Beyond, the most frequent ones are kept: a count in `counts` is never too large, and too \
         small by `error` at most; a category that is not listed comes `error` times at most; `error <= count / (categories + 1)`. \
         Which rare ones are listed, and how large `error` is within this bound, then depends on the order of rows. Source: Misra \
         and Gries (1982); Agarwal et al., Mergeable Summaries (2012).\n\n\
         NULL over no rows. Numbers are refused: `distribution` keeps their order. In `OVER` windows that slide, the frame's distinct \
         categories are kept.",
        "category_distribution(value [, options])",
    )
    .with_argument("value", "A category: TEXT, dictionary-encoded text, BOOLEAN.")
    .with_argument(
        "options",
        "One text literal. `categories=10000` (1 to 100000): the most distinct categories that are listed.",
    )
    .with_sql_example(
        "SELECT d['count'], d['null_count'], d['error'], d['categories'], d['counts']\n\
         FROM (SELECT category_distribution(intent) AS d FROM (VALUES ('refund'), ('login'), ('refund'), (NULL)) AS t (intent))",
    )
    .build()
});
