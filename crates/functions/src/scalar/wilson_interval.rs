//! `wilson_interval`: how far a share of few trials can be trusted.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::kernels::wilson;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct WilsonInterval {
    signature: Signature,
}

impl WilsonInterval {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("lower", DataType::Float64, true),
        Field::new("upper", DataType::Float64, true),
    ])
});

impl ScalarUDFImpl for WilsonInterval {
    fn name(&self) -> &str {
        "wilson_interval"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let number = |kind: &DataType| {
            if kind.is_numeric() || kind.is_null() { DataType::Float64 } else { kind.clone() }
        };
        Ok(arg_types.iter().map(number).collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        if !matches!(arg_types.len(), 2 | 3) {
            return plan_err!(
                "wilson_interval: takes (successes, n [, z]), got {} arguments",
                arg_types.len()
            );
        }
        for (argument, kind) in ["successes", "n", "z"].iter().zip(arg_types) {
            if !(kind.is_numeric() || kind.is_null()) {
                return plan_err!("wilson_interval: {argument} must be a number, got {kind}");
            }
        }
        Ok(DataType::Struct(FIELDS.clone()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let columns: Vec<&Float64Array> = arrays.iter().map(|array| array.as_primitive()).collect();
        let intervals = of_columns(columns[0], columns[1], columns.get(2).copied())?;
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&intervals, 0)?),
            false => ColumnarValue::Array(intervals),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// The intervals of a batch: two flat columns and one bitmap.
fn of_columns(successes: &Float64Array, n: &Float64Array, z: Option<&Float64Array>) -> Result<ArrayRef> {
    let given = NullBuffer::union(successes.nulls(), n.nulls());
    let given = NullBuffer::union(given.as_ref(), z.and_then(|z| z.nulls()));
    let rows = successes.len();
    let (mut lower, mut upper) = (vec![0.0; rows], vec![0.0; rows]);
    let mut known = vec![false; rows];
    for row in 0..rows {
        if given.as_ref().is_some_and(|given| given.is_null(row)) {
            continue;
        }
        let z = z.map_or(wilson::Z_95, |z| z.value(row));
        check(successes.value(row), n.value(row), z)?;
        if let Some(interval) = wilson::interval(successes.value(row), n.value(row), z) {
            (lower[row], upper[row]) = interval;
            known[row] = true;
        }
    }
    // the fields are NULL with the whole: not every reader of a field looks at its struct
    let known = Some(NullBuffer::from(known));
    let columns = [lower, upper]
        .map(|bounds| -> ArrayRef { Arc::new(Float64Array::new(bounds.into(), known.clone())) });
    Ok(Arc::new(StructArray::new(FIELDS.clone(), columns.to_vec(), known)))
}

fn check(successes: f64, n: f64, z: f64) -> Result<()> {
    if !(n >= 0.0 && n.is_finite()) {
        return exec_err!("wilson_interval: n must be 0 or more, got {n}");
    }
    if !(0.0..=n).contains(&successes) {
        return exec_err!("wilson_interval: successes must lie in [0, n], got {successes} of {n}");
    }
    if !(z > 0.0 && z.is_finite()) {
        return exec_err!("wilson_interval: z must be more than 0, got {z}");
    }
    Ok(())
}

const SHARES: DocSection = DocSection {
    include: true,
    label: "Shares",
    description: Some("How far a share of few trials can be trusted."),
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SHARES,
        "Wilson's interval for the share behind `successes` of `n` trials, STRUCT(lower DOUBLE, upper DOUBLE), both in [0, 1]. \
         An alert on quality fires when `upper` is below the target: then chance alone does not explain it. One on a rate of \
         errors fires when `lower` is above it.\n\n\
         `(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)` with `p = successes / n`, equal to \
         `scipy.stats.binomtest(successes, n).proportion_ci(method='wilson')` and to \
         `statsmodels.stats.proportion.proportion_confint(successes, n, method='wilson')`. Source: Wilson (1927). NULL for a NULL argument and for `n = 0`. Errors: `successes` outside [0, n], a negative `n`, \
         `z` not above 0.",
        "wilson_interval(successes, n [, z])",
    )
    .with_argument("successes", "Number of successes; any number from 0 to n.")
    .with_argument("n", "Number of trials.")
    .with_argument(
        "z",
        "Quantile of the normal distribution, default 1.959963984540054: a two-sided interval of 95 %.",
    )
    .with_sql_example(
        "SELECT day, round(w['lower'], 6) AS at_least, round(w['upper'], 6) AS at_most\n\
         FROM (SELECT day, wilson_interval(correct, n) AS w\n\
         \x20     FROM (VALUES (1, 184, 200), (2, 156, 200), (3, 0, 0)) AS labels (day, correct, n))\n\
         ORDER BY day",
    )
    .build()
});
