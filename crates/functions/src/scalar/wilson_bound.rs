//! What the two bounds of Wilson's interval share.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::kernels::wilson;

pub(crate) const SHARES: DocSection = DocSection {
    include: true,
    label: "Shares",
    description: Some("How far a share of few trials can be trusted."),
};

/// What one bound is.
pub(crate) struct Bound {
    pub(crate) name: &'static str,
    pub(crate) pick: fn((f64, f64)) -> f64,
    pub(crate) documentation: fn() -> &'static Documentation,
}

pub(crate) struct WilsonBound {
    bound: &'static Bound,
    signature: Signature,
}

impl WilsonBound {
    pub(crate) fn new(bound: &'static Bound) -> Self {
        Self { bound, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn of_row(&self, successes: f64, n: f64, z: f64) -> Result<Option<f64>> {
        let name = self.bound.name;
        if !(n >= 0.0 && n.is_finite()) {
            return exec_err!("{name}: n must be 0 or more, got {n}");
        }
        if !(0.0..=n).contains(&successes) {
            return exec_err!("{name}: successes must lie in [0, n], got {successes} of {n}");
        }
        if !(z > 0.0 && z.is_finite()) {
            return exec_err!("{name}: z must be more than 0, got {z}");
        }
        Ok(wilson::interval(successes, n, z).map(self.bound.pick))
    }
}

impl ScalarUDFImpl for WilsonBound {
    fn name(&self) -> &str {
        self.bound.name
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
        let name = self.bound.name;
        if !matches!(arg_types.len(), 2 | 3) {
            return plan_err!("{name}: takes (successes, n [, z]), got {} arguments", arg_types.len());
        }
        for (argument, kind) in ["successes", "n", "z"].iter().zip(arg_types) {
            if !(kind.is_numeric() || kind.is_null()) {
                return plan_err!("{name}: {argument} must be a number, got {kind}");
            }
        }
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let columns: Vec<&Float64Array> =
            arrays.iter().map(|array| array.as_primitive::<Float64Type>()).collect();
        let bounds = (0..columns[0].len())
            .map(|row| {
                if columns.iter().any(|column| column.is_null(row)) {
                    return Ok(None);
                }
                let z = columns.get(2).map_or(wilson::Z_95, |column| column.value(row));
                self.of_row(columns[0].value(row), columns[1].value(row), z)
            })
            .collect::<Result<Float64Array>>()?;
        Ok(ColumnarValue::Array(Arc::new(bounds)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some((self.bound.documentation)())
    }
}

impl std::fmt::Debug for WilsonBound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WilsonBound").field("name", &self.bound.name).finish()
    }
}

impl PartialEq for WilsonBound {
    fn eq(&self, other: &Self) -> bool {
        self.bound.name == other.bound.name
    }
}

impl Eq for WilsonBound {}

impl Hash for WilsonBound {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bound.name.hash(state);
    }
}

/// The documentation of a bound.
pub(crate) fn documentation(name: &str, description: &str) -> Documentation {
    let description = format!(
        "{description}\n\n\
         `(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)` with `p = successes / n`. Source: Wilson (1927). NULL for a \
         NULL argument and for `n = 0`. Errors: `successes` outside [0, n], a negative `n`, `z` not above 0."
    );
    Documentation::builder(SHARES, description, format!("{name}(successes, n [, z])"))
        .with_argument("successes", "Number of successes; any number from 0 to n.")
        .with_argument("n", "Number of trials.")
        .with_argument(
            "z",
            "Quantile of the normal distribution, default 1.959963984540054: a two-sided interval of 95 %.",
        )
        .with_sql_example(format!(
            "SELECT round({name}(184, 200), 6) AS steady, round({name}(156, 200), 6) AS fallen"
        ))
        .build()
}
