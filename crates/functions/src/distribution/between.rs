//! What compares two distributions: `f(current, reference [, options])`, one function a file. Both are of numbers, or both of
//! categories.

mod categories;
mod hellinger;
mod js_distance;
mod js_divergence;
mod kl;
mod ks;
mod psi;
mod tv;
mod wasserstein;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use self::categories::CategoryOperand;
use super::categories as of_categories;
use super::column;
use super::operand::{Operand, answer};
use crate::baseline::{Identity, Kind, Stored};
use crate::kernels::distribution::{Bounds, Distribution, binned};
use crate::options::{Binning, OptionName, Options};
use crate::scalar::is_token;

/// Every such function, in the order of the documentation.
pub(super) static ALL: [&Between; 8] = [
    &psi::PSI_BETWEEN,
    &kl::KL_BETWEEN,
    &js_divergence::JS_DIVERGENCE_BETWEEN,
    &js_distance::JS_DISTANCE_BETWEEN,
    &hellinger::HELLINGER_BETWEEN,
    &tv::TV_BETWEEN,
    &ks::KS_BETWEEN,
    &wasserstein::WASSERSTEIN_BETWEEN,
];

/// What one SQL function is.
#[derive(Debug)]
pub(super) struct Between {
    name: &'static str,
    options: &'static [OptionName],
    measure: Measure,
    documentation: fn() -> &'static Documentation,
}

/// The answer, from reference and current, in this order.
#[derive(Debug, Clone, Copy)]
enum Measure {
    /// From counts over bins at the reference's quantiles, or over categories; DOUBLE.
    Binned(fn(&[u64], &[u64], &Options) -> Option<f64>),
    /// From the distributions; STRUCT{lo, est, hi}.
    Bounded(fn(&Distribution, &Distribution) -> Option<Bounds>),
}

/// Reference and current.
type Pair<'a> = (Cow<'a, Distribution>, Cow<'a, Distribution>);

static BOUNDS: LazyLock<Fields> = LazyLock::new(|| {
    ["lo", "est", "hi"].into_iter().map(|name| Field::new(name, DataType::Float64, true)).collect()
});

/// What compares categories.
const CATEGORIES: &str = "compare them with psi_between, js_distance_between or tv_between";

/// What the two places of a comparison are called.
const PLACES: [&str; 2] = ["current", "reference"];

/// The function as DataFusion sees it. `stored` holds the baselines in the places of `current` and `reference` once planning
/// has found them.
#[derive(Debug)]
pub(crate) struct BetweenFunction {
    between: &'static Between,
    stored: [Option<Stored>; 2],
    signature: Signature,
}

/// The arguments of a call: those of either place, and what follows.
struct Arguments<'a, T> {
    places: [&'a [T]; 2],
    rest: &'a [T],
}

impl BetweenFunction {
    pub(super) fn new(between: &'static Between) -> Self {
        Self { between, stored: [None, None], signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// Whether it has a baseline inside.
    pub(crate) fn is_bound(&self) -> bool {
        self.stored.iter().any(Option::is_some)
    }

    /// The same function with baselines inside.
    pub(crate) fn with_baselines(&self, stored: [Option<Stored>; 2]) -> Result<Self> {
        let name = self.between.name;
        for Stored { references, .. } in stored.iter().flatten() {
            let (baseline, column) = (&references.baseline, &references.column);
            if references.kind() == Kind::Embedding {
                return plan_err!(
                    "{name}: column \"{column}\" of baseline \"{baseline}\" holds embeddings, which only novelty compares"
                );
            }
            if references.kind() != Kind::Number {
                if let Measure::Bounded(_) = self.between.measure {
                    let holds = references.kind().plural();
                    return plan_err!(
                        "{name}: column \"{column}\" of baseline \"{baseline}\" holds {holds}, which have no order; {CATEGORIES}"
                    );
                }
            } else if !references.has_distributions() {
                return plan_err!(
                    "{name}: baseline \"{baseline}\" was made before baselines kept distributions: make it again with \
                     CREATE OR REPLACE BASELINE (driftline.baselines has its query)"
                );
            }
        }
        Ok(Self { stored, ..Self::new(self.between) })
    }

    /// Divides arguments among the places; `None` where there are too few.
    fn divide<'a, T>(&self, args: &'a [T]) -> Option<Arguments<'a, T>> {
        let [current, reference] =
            self.stored.each_ref().map(|stored| stored.as_ref().map_or(1, Stored::arguments));
        let (current, rest) = args.split_at_checked(current)?;
        let (reference, rest) = rest.split_at_checked(reference)?;
        Some(Arguments { places: [current, reference], rest })
    }

    fn options(&self, literal: Option<Option<&str>>) -> Result<Options> {
        let Between { name, options, .. } = self.between;
        match literal {
            None => Ok(Options::default()),
            Some(Some(text)) => {
                Options::parse(text, options).or_else(|message| plan_err!("{name}: {message}"))
            }
            Some(None) => plan_err!("{name}: the options must be one text literal"),
        }
    }

    /// What tells its baselines from others.
    fn identities(&self) -> [Option<Identity<'_>>; 2] {
        self.stored.each_ref().map(|stored| stored.as_ref().map(Stored::identity))
    }

    /// Whether distributions of categories are compared.
    fn compares_categories(&self, places: [&[DataType]; 2]) -> bool {
        let of_place = |(types, stored): (&[DataType], &Option<Stored>)| match stored {
            Some(stored) => stored.references.kind() != Kind::Number,
            None => types.first().is_some_and(of_categories::reads),
        };
        places.into_iter().zip(&self.stored).any(of_place)
    }

    /// Refuses what cannot be compared.
    fn check_places(&self, places: [&[DataType]; 2]) -> Result<()> {
        let name = self.between.name;
        let categories = self.compares_categories(places);
        if categories && matches!(self.between.measure, Measure::Bounded(_)) {
            return plan_err!("{name}: categories have no order; {CATEGORIES}");
        }
        for ((place, types), stored) in PLACES.iter().zip(places).zip(&self.stored) {
            let of_numbers = match stored {
                Some(stored) => stored.references.kind() == Kind::Number,
                None => types.first().is_some_and(|kind| !kind.is_null() && column::reads(kind)),
            };
            if categories && of_numbers {
                return plan_err!("{name}: {place} is of numbers, the other side of categories");
            }
            let is_known =
                |kind: &DataType| column::reads(kind) || of_categories::reads(kind) || is_token(kind);
            if let Some(kind) = types.iter().find(|kind| stored.is_none() && !is_known(kind)) {
                return plan_err!(
                    "{name}: {place} must be what distribution(value) or category_distribution(value) makes, or \
                     baseline('name', 'column'), got {kind}"
                );
            }
        }
        Ok(())
    }

    fn returns(&self) -> DataType {
        match self.between.measure {
            Measure::Binned(_) => DataType::Float64,
            Measure::Bounded(_) => DataType::Struct(BOUNDS.clone()),
        }
    }
}

impl ScalarUDFImpl for BetweenFunction {
    fn name(&self) -> &str {
        self.between.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_field_from_args`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let Some(Arguments { places, rest }) = self.divide(arg_types) else {
            return Ok(arg_types.to_vec());
        };
        let null = match self.compares_categories(places) {
            true => of_categories::data_type(),
            false => column::data_type(),
        };
        let coerced = |kind: &DataType| if kind.is_null() { null.clone() } else { kind.clone() };
        let places = places.into_iter().zip(&self.stored).flat_map(|(types, stored)| {
            let is_stored = stored.is_some();
            types.iter().map(move |kind| if is_stored { kind.clone() } else { coerced(kind) })
        });
        Ok(places.chain(rest.iter().cloned()).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Between { name, options, .. } = self.between;
        let most = usize::from(!options.is_empty());
        let Some(Arguments { places, rest }) =
            self.divide(args.arg_fields).filter(|arguments| arguments.rest.len() <= most)
        else {
            let takes =
                if options.is_empty() { "(current, reference)" } else { "(current, reference [, options])" };
            return plan_err!("{name}: takes {takes}, got {} arguments", args.arg_fields.len());
        };
        let types =
            places.map(|fields| fields.iter().map(|field| field.data_type().clone()).collect::<Vec<_>>());
        self.check_places(types.each_ref().map(Vec::as_slice))?;
        let literal = rest.first().and(args.scalar_arguments.last());
        let literal = literal.map(|literal| literal.and_then(|text| text.try_as_str().flatten()));
        self.options(literal)?;
        Ok(Arc::new(Field::new(*name, self.returns(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(Arguments { places, rest }) = self.divide(&args.args) else {
            return internal_err!("{} has too few arguments", self.between.name);
        };
        let literal = match rest.first() {
            None => None,
            Some(ColumnarValue::Scalar(text)) => Some(text.try_as_str().flatten()),
            Some(ColumnarValue::Array(_)) => Some(None),
        };
        let options = self.options(literal)?;
        // constants are compared once
        let is_constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let operand = |place: usize| match (&self.stored[place], places[place]) {
            (Some(stored), keys) => Operand::stored(stored, keys, rows),
            (None, arguments) => Operand::new(&arguments[0]),
        };
        let types =
            places.map(|arguments| arguments.iter().map(ColumnarValue::data_type).collect::<Vec<_>>());
        if let Measure::Binned(measure) = self.between.measure
            && self.compares_categories(types.each_ref().map(Vec::as_slice))
        {
            let operand = |place: usize| match (&self.stored[place], places[place]) {
                (Some(stored), keys) => CategoryOperand::stored(stored, keys, rows),
                (None, arguments) => CategoryOperand::new(&arguments[0]),
            };
            let [current, reference] = [operand(0)?, operand(1)?];
            let measure = |r: &[u64], c: &[u64]| measure(r, c, &options);
            return answer(&args.args, &categories::answers(&reference, &current, rows, measure)?);
        }
        let [current, reference] = [operand(0)?, operand(1)?];
        let pair =
            |row: usize| -> Result<Option<Pair<'_>>> { Ok(reference.get(row)?.zip(current.get(row)?)) };
        let rows = 0..rows;
        let answers: ArrayRef = match self.between.measure {
            Measure::Binned(measure) => {
                let Binning::Quantile { bins } = options.binning else {
                    return internal_err!("only bins at quantiles are taken");
                };
                let answer = |row| -> Result<Option<f64>> {
                    let binned = pair(row)?.and_then(|(r, c)| binned(&r, &c, bins));
                    Ok(binned
                        .and_then(|both| measure(&both.reference, &both.current, &options))
                        .filter(|number| number.is_finite()))
                };
                Arc::new(rows.map(answer).collect::<Result<Float64Array>>()?)
            }
            Measure::Bounded(measure) => {
                let answer =
                    |row| -> Result<Option<Bounds>> { Ok(pair(row)?.and_then(|(r, c)| measure(&r, &c))) };
                struct_of(&rows.map(answer).collect::<Result<Vec<_>>>()?)
            }
        };
        answer(&args.args, &answers)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some((self.between.documentation)())
    }
}

fn struct_of(rows: &[Option<Bounds>]) -> ArrayRef {
    let nulls: NullBuffer = rows.iter().map(Option::is_some).collect();
    let fields: [fn(&Bounds) -> f64; 3] = [|bounds| bounds.lo, |bounds| bounds.est, |bounds| bounds.hi];
    let column = |field: fn(&Bounds) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.as_ref().map(field))))
    };
    Arc::new(StructArray::new(BOUNDS.clone(), fields.map(column).to_vec(), Some(nulls)))
}

impl PartialEq for BetweenFunction {
    fn eq(&self, other: &Self) -> bool {
        self.between.name == other.between.name && self.identities() == other.identities()
    }
}

impl Eq for BetweenFunction {}

impl Hash for BetweenFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.between.name.hash(state);
        self.identities().hash(state);
    }
}
