//! `psi_ci`: the population stability index within an interval, for rows that come in clusters.
//!
//! `ids` gives the clusters numbers, `rows` keeps the rows of many groups and is their partial state, `answer` makes of a group's
//! rows what is returned. One group is the case of many: `accumulator` has both ways into DataFusion.

mod accumulator;
mod answer;
mod documentation;
mod ids;
mod options;
mod rows;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature,
    Volatility,
};
use datafusion::physical_expr::expressions::Literal;

use super::comparison::value::{ValueKind, coerced, is_text};
use super::comparison::{Answer, Measure};
use crate::scalar::is_token;
use accumulator::{Grouped, Single};
use options::Options;
use rows::{Kinds, Rows};

pub(super) const NAME: &str = "psi_ci";
/// What it says of types: those that `psi` takes.
static MEASURE: Measure = Measure::Binned(|_, _| Answer::Null);

/// Makes the aggregate function.
pub(super) fn function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(PsiCi::new(None)))
}

/// The function. `bound` holds the options once planning has read their literal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PsiCi {
    bound: Option<String>,
    signature: Signature,
}

fn refuse(message: &str) -> DataFusionError {
    DataFusionError::Plan(format!("{NAME}: {message}"))
}

impl PsiCi {
    fn new(bound: Option<String>) -> Self {
        Self { bound, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// The literal of options in a call that still has one, checked.
    pub(crate) fn read_literal<'a>(&self, args: &'a [Expr]) -> Result<Option<&'a str>> {
        if let Some(Expr::Literal(literal, _)) = args.get(3)
            && let Some(Some(text)) = literal.try_as_str()
        {
            Options::parse(text).map_err(|message| refuse(&message))?;
            return Ok(Some(text));
        }
        Ok(None)
    }

    fn options(&self, args: &AccumulatorArgs<'_>) -> Result<Options> {
        let text = match (&self.bound, args.exprs.get(3)) {
            (Some(text), _) => text.as_str(),
            (None, None) => "",
            (None, Some(expr)) => {
                match expr.downcast_ref::<Literal>().map(|literal| literal.value().try_as_str()) {
                    Some(Some(Some(text))) => text,
                    _ => return Err(refuse("the options must be one text literal")),
                }
            }
        };
        Options::parse(text).map_err(|message| refuse(&message))
    }

    /// What is kept of a group, and what is made of it.
    fn rows(&self, args: &AccumulatorArgs<'_>) -> Result<(Rows, Options)> {
        if args.is_distinct {
            return Err(refuse("DISTINCT changes the distribution and is not supported"));
        }
        let options = self.options(args)?;
        let kinds = kinds_of(args.expr_fields[0].data_type(), args.expr_fields[2].data_type())?;
        if kinds.value != ValueKind::Number && options.bins_given {
            return Err(refuse("option 'bins' is for numbers: text and boolean values are categories"));
        }
        Ok((Rows::new(kinds), options))
    }
}

/// As what value and cluster are read.
fn kinds_of(value: &DataType, cluster: &DataType) -> Result<Kinds> {
    let value = match ValueKind::of(value, &MEASURE) {
        Ok(ValueKind::Distribution | ValueKind::Categories) => {
            Err(refuse("a distribution does not say which cluster a value came from: pass the values"))
        }
        kind => kind.map_err(|message| refuse(&message)),
    }?;
    match cluster {
        text if is_text_like(text) => Ok(Kinds { value, cluster: DataType::LargeUtf8 }),
        DataType::Int64 | DataType::UInt64 => Ok(Kinds { value, cluster: DataType::UInt64 }),
        other => Err(refuse(&format!(
            "cluster must be TEXT or an integer, such as the id of a conversation or of a user, got {other}"
        ))),
    }
}

/// The type in which clusters are read.
fn coerced_cluster(cluster: &DataType) -> DataType {
    match cluster {
        DataType::Null => DataType::Int64,
        DataType::Dictionary(_, inner) if !is_text(inner) => coerced_cluster(inner),
        DataType::UInt64 => DataType::UInt64,
        whole if whole.is_integer() => DataType::Int64,
        other => other.clone(),
    }
}

fn is_text_like(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, inner) => is_text(inner),
        other => is_text(other),
    }
}

impl AggregateUDFImpl for PsiCi {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let [value, flag, cluster, ..] = types.as_mut_slice() {
            *value = coerced(value, &MEASURE);
            if flag.is_null() {
                *flag = DataType::Boolean;
            }
            *cluster = coerced_cluster(cluster);
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let (value, flag, cluster) = match arg_types {
            [value, flag, cluster] => (value, flag, cluster),
            [value, flag, cluster, options] if is_text(options) => (value, flag, cluster),
            [_, _, _, options] => {
                return Err(refuse(&format!("the options must be one text literal, got {options}")));
            }
            _ => {
                let given = arg_types.len();
                return Err(refuse(&format!(
                    "takes (value, is_current, cluster [, options]), got {given} arguments"
                )));
            }
        };
        kinds_of(&coerced(value, &MEASURE), &coerced_cluster(cluster))?;
        if is_token(flag) {
            return Err(refuse(
                "it draws clusters of the reference anew, which a baseline does not keep: compare with the rows of the reference, \
                 as (value, is_current, cluster)",
            ));
        }
        if !matches!(flag, DataType::Boolean | DataType::Null) {
            return Err(refuse(&format!(
                "is_current must be BOOLEAN (false = reference, true = current, NULL = neither), got {flag}"
            )));
        }
        Ok(answer::RETURNS.data_type())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let kinds = kinds_of(args.input_fields[0].data_type(), args.input_fields[2].data_type())?;
        let field = |(name, item): (&str, DataType)| {
            let list = DataType::LargeList(Arc::new(Field::new_list_field(item, true)));
            Arc::new(Field::new(format_state_name(args.name, name), list, true))
        };
        Ok(kinds.state().into_iter().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let (rows, options) = self.rows(&args)?;
        Ok(Box::new(Single::new(rows, options)))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        let (rows, options) = self.rows(&args)?;
        Ok(Box::new(Grouped::new(rows, options)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    /// Reads the literal of options while planning, and spares the aggregation an array of equal texts a batch.
    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(move |mut call: AggregateFunction, _| {
            if let Some(text) = Self::new(None).read_literal(&call.params.args)?.map(str::to_string) {
                call.params.args.truncate(3);
                call.func = Arc::new(AggregateUDF::new_from_impl(Self::new(Some(text))));
            }
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&documentation::PSI_CI)
    }
}

impl Hash for PsiCi {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bound.hash(state);
    }
}
