//! `burn_rate_threshold`: above which burn rate a window has eaten its share of the budget.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, AsArray, Float64Builder};
use arrow::datatypes::{DataType, Float64Type, IntervalMonthDayNanoType};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::aggregate::{SLO, period};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct BurnRateThreshold {
    signature: Signature,
}

impl BurnRateThreshold {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for BurnRateThreshold {
    fn name(&self) -> &str {
        "burn_rate_threshold"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = arg_types.iter().enumerate().map(|(place, kind)| match place {
            0 if kind.is_numeric() || kind.is_null() => DataType::Float64,
            0 => kind.clone(),
            _ => period::coerced(kind),
        });
        Ok(coerced.collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [share, windows @ ..] = arg_types else {
            return plan_err!(
                "burn_rate_threshold: takes (budget_share, long_window, period), got 0 arguments"
            );
        };
        if windows.len() != 2 {
            return plan_err!(
                "burn_rate_threshold: takes (budget_share, long_window, period), got {} arguments",
                arg_types.len()
            );
        }
        if *share != DataType::Float64 {
            return plan_err!("burn_rate_threshold: budget_share must be a number, got {share}");
        }
        for (argument, kind) in ["long_window", "period"].iter().zip(windows) {
            if !period::is_period(kind) {
                return plan_err!(
                    "burn_rate_threshold: {argument} must be an INTERVAL, for example INTERVAL '1 hour', got {kind}"
                );
            }
        }
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let shares = arrays[0].as_primitive::<Float64Type>();
        let [windows, periods] = [1, 2].map(|at| arrays[at].as_primitive::<IntervalMonthDayNanoType>());
        let mut thresholds = Float64Builder::with_capacity(shares.len());
        for row in 0..shares.len() {
            if shares.is_null(row) || windows.is_null(row) || periods.is_null(row) {
                thresholds.append_null();
                continue;
            }
            let share = shares.value(row);
            if !(share > 0.0 && share <= 1.0) {
                return exec_err!("burn_rate_threshold: budget_share must lie in (0, 1], got {share}");
            }
            let window = period::length_ns("burn_rate_threshold: long_window", windows.value(row))?;
            let period = period::length_ns("burn_rate_threshold: period", periods.value(row))?;
            if window > period {
                return exec_err!("burn_rate_threshold: long_window must not be longer than period");
            }
            thresholds.append_value(share * period as f64 / window as f64);
        }
        let thresholds = thresholds.finish();
        Ok(match constant && thresholds.len() == 1 {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&thresholds, 0)?),
            false => ColumnarValue::Array(Arc::new(thresholds)),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SLO,
        "The burn rate at which a window eats this share of the error budget, DOUBLE: what an alert over the window compares \
         `slo_burn_rate` with. 2 % in an hour of 30 days is 14.4, and of 7 days 3.36: thresholds depend on the period.\n\n\
         `threshold = budget_share * period / long_window`. An alert can fire only where it is below `1 / (1 - objective)`. \
         Source: Google SRE Workbook, chapter 5, table 5-6. NULL for a NULL argument. Errors: a share outside (0, 1], a window of 0 or \
         longer than the period, months.",
        "burn_rate_threshold(budget_share, long_window, period)",
    )
    .with_argument("budget_share", "Share of the error budget, in (0, 1]: 0.02.")
    .with_argument("long_window", "INTERVAL without months: the window of the alert.")
    .with_argument("period", "INTERVAL without months: the period that the budget is for.")
    .with_sql_example(
        "SELECT round(burn_rate_threshold(0.02, INTERVAL '1 hour', INTERVAL '30 days'), 6) AS page,\n\
         \x20      round(burn_rate_threshold(0.10, INTERVAL '3 days', INTERVAL '30 days'), 6) AS ticket",
    )
    .build()
});
