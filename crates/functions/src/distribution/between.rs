//! What compares two distributions: `f(current, reference [, options])`, one function a file.

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

use super::column;
use super::operand::{Operand, answer};
use crate::kernels::distribution::{Bounds, Distribution, binned};
use crate::options::{Binning, OptionName, Options};

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
    /// From counts over bins at the reference's quantiles; DOUBLE.
    Binned(fn(&[u64], &[u64], &Options) -> Option<f64>),
    /// From the distributions; STRUCT{lo, est, hi}.
    Bounded(fn(&Distribution, &Distribution) -> Option<Bounds>),
}

/// Reference and current.
type Pair<'a> = (Cow<'a, Distribution>, Cow<'a, Distribution>);

static BOUNDS: LazyLock<Fields> = LazyLock::new(|| {
    ["lo", "est", "hi"].into_iter().map(|name| Field::new(name, DataType::Float64, true)).collect()
});

/// The function as DataFusion sees it.
#[derive(Debug)]
pub(super) struct BetweenFunction {
    between: &'static Between,
    signature: Signature,
}

impl BetweenFunction {
    pub(super) fn new(between: &'static Between) -> Self {
        Self { between, signature: Signature::user_defined(Volatility::Immutable) }
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
        let sides = arg_types.iter().take(2).map(column::coerced);
        Ok(sides.chain(arg_types.iter().skip(2).cloned()).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let Between { name, options, .. } = self.between;
        let most = if options.is_empty() { 2 } else { 3 };
        if !(2..=most).contains(&args.arg_fields.len()) {
            let takes =
                if options.is_empty() { "(current, reference)" } else { "(current, reference [, options])" };
            return plan_err!("{name}: takes {takes}, got {} arguments", args.arg_fields.len());
        }
        for (side, field) in ["current", "reference"].iter().zip(args.arg_fields) {
            if !column::reads(field.data_type()) {
                return plan_err!(
                    "{name}: {side} must be what distribution(value) makes, got {}",
                    field.data_type()
                );
            }
        }
        let literal =
            args.scalar_arguments.get(2).map(|literal| literal.and_then(|text| text.try_as_str().flatten()));
        self.options(literal)?;
        Ok(Arc::new(Field::new(*name, self.returns(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let literal = match args.args.get(2) {
            None => None,
            Some(ColumnarValue::Scalar(text)) => Some(text.try_as_str().flatten()),
            Some(ColumnarValue::Array(_)) => Some(None),
        };
        let options = self.options(literal)?;
        let [current, reference] = [Operand::new(&args.args[0])?, Operand::new(&args.args[1])?];
        let pair =
            |row: usize| -> Result<Option<Pair<'_>>> { Ok(reference.get(row)?.zip(current.get(row)?)) };
        let rows = 0..args.number_rows;
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
        self.between.name == other.between.name
    }
}

impl Eq for BetweenFunction {}

impl Hash for BetweenFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.between.name.hash(state);
    }
}
