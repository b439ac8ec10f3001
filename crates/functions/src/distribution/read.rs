//! What one distribution says of a number: `f(distribution, number)`.

mod cdf;
mod quantile;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::operand::{Operand, answer};
use super::{categories, column};
use crate::kernels::distribution::Distribution;
use crate::scalar::is_token;

/// Every such function, in the order of the documentation.
pub(super) static ALL: [&Read; 2] = [&quantile::DISTRIBUTION_QUANTILE, &cdf::DISTRIBUTION_CDF];

/// What one SQL function is.
#[derive(Debug)]
pub(super) struct Read {
    name: &'static str,
    /// What the number is called.
    argument: &'static str,
    /// The answer; NULL without one.
    answer: fn(&Distribution, f64) -> Result<Option<f64>>,
    documentation: fn() -> &'static Documentation,
}

/// The function as DataFusion sees it.
#[derive(Debug)]
pub(super) struct ReadFunction {
    read: &'static Read,
    signature: Signature,
}

impl ReadFunction {
    pub(super) fn new(read: &'static Read) -> Self {
        Self { read, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ReadFunction {
    fn name(&self) -> &str {
        self.read.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(distribution) = types.first_mut() {
            *distribution = column::coerced(distribution);
        }
        if let Some(number) = types.get_mut(1)
            && (number.is_numeric() || number.is_null())
        {
            *number = DataType::Float64;
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let Read { name, argument, .. } = self.read;
        let [distribution, number] = arg_types else {
            return plan_err!("{name}: takes (distribution, {argument}), got {} arguments", arg_types.len());
        };
        if is_token(distribution) {
            return plan_err!(
                "{name}: takes a distribution, not a baseline: DESCRIBE BASELINE shows what it has"
            );
        }
        if categories::reads(distribution) {
            return plan_err!("{name}: categories have no order; it takes what distribution(value) makes");
        }
        if !column::reads(distribution) {
            return plan_err!("{name}: takes what distribution(value) makes, got {distribution}");
        }
        if !(number.is_numeric() || number.is_null()) {
            return plan_err!("{name}: {argument} must be a number, got {number}");
        }
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let distributions = Operand::new(&args.args[0])?;
        let numbers = args.args[1].to_array(args.number_rows)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        let answers = (0..args.number_rows)
            .map(|row| match distributions.get(row)? {
                Some(distribution) if numbers.is_valid(row) => {
                    (self.read.answer)(&distribution, numbers.value(row))
                }
                _ => Ok(None),
            })
            .collect::<Result<Float64Array>>()?;
        answer(&args.args, &(Arc::new(answers) as ArrayRef))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some((self.read.documentation)())
    }
}

impl PartialEq for ReadFunction {
    fn eq(&self, other: &Self) -> bool {
        self.read.name == other.read.name
    }
}

impl Eq for ReadFunction {}

impl Hash for ReadFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.read.name.hash(state);
    }
}
