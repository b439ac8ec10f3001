//! `date_bin` with an interval of zero: every time is a bin of its own. Dashboards send it when they are zoomed in to less than a
//! second, which DataFusion's function refuses.

use std::sync::Arc;

use arrow::datatypes::{DataType, IntervalDayTime, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// The function, in the place of DataFusion's.
pub(crate) fn date_bin() -> ScalarUDF {
    ScalarUDF::new_from_impl(DateBin { inner: datafusion::functions::datetime::date_bin() })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateBin {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for DateBin {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.inner.return_type(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        match args.args.as_slice() {
            [ColumnarValue::Scalar(interval), times, ..] if is_zero(interval) => Ok(times.clone()),
            _ => self.inner.invoke_with_args(args),
        }
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> DfResult<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

fn is_zero(interval: &ScalarValue) -> bool {
    matches!(
        interval,
        ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::ZERO))
            | ScalarValue::IntervalDayTime(Some(IntervalDayTime::ZERO))
    )
}
