//! The functions over two populations of embeddings: `f(embedding, is_current [, options])`.
//!
//! The state of a group is exact sums a coordinate, a product or a feature, so its memory does not grow with the rows and
//! partial states merge bit for bit in any order. The arithmetic is in `kernels::embeddings`.

mod accumulator;
mod centroid_drift;
mod documentation;
mod frechet_distance;
mod group;
mod mmd_rff;
mod state;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature,
    Volatility,
};
use datafusion::physical_expr::expressions::Literal;

use crate::scalar::{Texts, embedding_type, is_embedding, is_token};
use accumulator::{EmbeddingAccumulator, EmbeddingGroups};

/// What one of the functions is.
#[derive(Debug)]
pub(crate) struct EmbeddingMeasure {
    name: &'static str,
    /// Reads the text of options.
    parse: fn(&str) -> Result<Choice, String>,
    documentation: fn() -> &'static Documentation,
}

/// A measure with its options.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Choice {
    Centroids(Metric),
    Features { features: usize, seed: u64, gamma: Option<f64> },
    Gaussians { ddof: u64 },
}

/// How far apart two mean vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    Cosine,
    Euclidean,
}

/// Every function over embeddings, in the order of the documentation.
pub(super) fn all() -> impl Iterator<Item = Arc<AggregateUDF>> {
    [&centroid_drift::CENTROID_DRIFT, &mmd_rff::MMD_RFF, &frechet_distance::FRECHET_DISTANCE]
        .into_iter()
        .map(|measure| Arc::new(AggregateUDF::new_from_impl(EmbeddingFunction::new(measure))))
}

/// A measure as an aggregate function of DataFusion.
#[derive(Debug)]
pub(crate) struct EmbeddingFunction {
    measure: &'static EmbeddingMeasure,
    signature: Signature,
}

impl EmbeddingFunction {
    fn new(measure: &'static EmbeddingMeasure) -> Self {
        Self { measure, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// Checks the literal of options in a call.
    pub(crate) fn check_literal(&self, args: &[Expr]) -> Result<()> {
        match args.get(2) {
            Some(Expr::Literal(literal, _)) => match literal.try_as_str() {
                Some(Some(text)) => self.parse(text).map(drop),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn parse(&self, text: &str) -> Result<Choice> {
        (self.measure.parse)(text).or_else(|message| plan_err!("{}: {message}", self.measure.name))
    }

    fn groups(&self, args: &AccumulatorArgs<'_>) -> Result<EmbeddingGroups> {
        let name = self.measure.name;
        if args.is_distinct {
            return plan_err!("{name}: DISTINCT changes the populations and is not supported");
        }
        let text = match args.exprs.get(2) {
            None => "",
            Some(expr) => match expr.downcast_ref::<Literal>().map(|literal| literal.value().try_as_str()) {
                Some(Some(Some(text))) => text,
                _ => return plan_err!("{name}: the options must be one text literal"),
            },
        };
        Ok(EmbeddingGroups::new(name, self.parse(text)?))
    }
}

impl AggregateUDFImpl for EmbeddingFunction {
    fn name(&self) -> &str {
        self.measure.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(embedding) = types.first_mut() {
            *embedding = embedding_type(embedding);
        }
        if let Some(side) = types.get_mut(1).filter(|side| side.is_null()) {
            *side = DataType::Boolean;
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let name = self.measure.name;
        let (embedding, side) = match arg_types {
            [embedding, side] => (embedding, side),
            [embedding, side, options] if Texts::reads(options) => (embedding, side),
            [_, _, options] => {
                return plan_err!("{name}: the options must be one text literal, got {options}");
            }
            _ => {
                return plan_err!(
                    "{name}: takes (embedding, is_current [, options]), got {} arguments",
                    arg_types.len()
                );
            }
        };
        if !is_embedding(embedding) {
            return plan_err!("{name}: embedding must be a list of numbers, got {embedding}");
        }
        if is_token(side) {
            return plan_err!(
                "{name}: takes rows as (embedding, is_current), not a baseline, of which only novelty compares embeddings"
            );
        }
        if !(side.is_null() || side == &DataType::Boolean) {
            return plan_err!("{name}: is_current must be BOOLEAN, got {side}");
        }
        Ok(DataType::Float64)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "sums");
        Ok(vec![Arc::new(Field::new(name, DataType::LargeBinary, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(EmbeddingAccumulator::new(self.groups(&args)?)))
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

    fn documentation(&self) -> Option<&Documentation> {
        Some((self.measure.documentation)())
    }
}

impl PartialEq for EmbeddingFunction {
    fn eq(&self, other: &Self) -> bool {
        self.measure.name == other.measure.name
    }
}

impl Eq for EmbeddingFunction {}

impl Hash for EmbeddingFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.measure.name.hash(state);
    }
}
