//! Window functions, one a file: `stream` reads rows one after the other and remembers little, `frame` scores a row within
//! its frame, and `p_adjust` needs a whole partition.
//!
//! All of them are one [`WindowUDFImpl`] with another [`Window`] behind it. What a function demands of its `OVER` clause is
//! checked while a query is planned: nothing that was written there is silently ignored.

mod check;
mod documentation;
mod frame;
mod p_adjust;
mod stream;

pub(crate) use check::CheckWindows;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, Float64Array};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::function::{ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Documentation, LimitEffect, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;

use crate::kernels::streams::is_usable;

/// Every window function, in the order of the documentation.
pub(crate) fn all() -> Vec<Arc<WindowUDF>> {
    [
        &p_adjust::P_ADJUST,
        &stream::adwin::ADWIN,
        &stream::page_hinkley::PAGE_HINKLEY,
        &stream::ddm::DDM,
        &stream::kswin::KSWIN,
        &stream::cusum::CUSUM,
        &frame::zscore::ZSCORE,
        &frame::mad_score::MAD_SCORE,
        &stream::ewma::EWMA,
    ]
    .map(|window| Arc::new(WindowUDF::new_from_impl(WindowFunction::new(window))))
    .to_vec()
}

/// Which rows the result of a row depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// All rows up to it, in their order.
    Past,
    /// Those of its frame.
    Frame,
    /// Those of its partition, in any order.
    Partition,
}

/// A window function over one number, with one text literal of options.
struct Window {
    name: &'static str,
    /// The arguments, as they are documented.
    syntax: &'static str,
    result: DataType,
    rows: Rows,
    /// Starts a partition with the options in a text.
    evaluator: fn(&str) -> Result<Box<dyn PartitionEvaluator>, String>,
    documentation: fn() -> &'static Documentation,
}

/// A window function as DataFusion sees it.
pub(crate) struct WindowFunction {
    window: &'static Window,
    signature: Signature,
}

impl WindowFunction {
    fn new(window: &'static Window) -> Self {
        Self { window, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn refuse(&self, message: &str) -> DataFusionError {
        DataFusionError::Plan(format!("{}: {message}", self.window.name))
    }

    fn start(&self, options: &str) -> Result<Box<dyn PartitionEvaluator>> {
        (self.window.evaluator)(options).map_err(|message| self.refuse(&message))
    }

    fn check_value(&self, value: &DataType) -> Result<()> {
        let advice = match value {
            DataType::Float64 => return Ok(()),
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                "instants only move forward; watch a number, for example the seconds since the row before"
            }
            DataType::Duration(_) | DataType::Interval(_) | DataType::Time32(_) | DataType::Time64(_) => {
                "watch a number, for example the duration in milliseconds"
            }
            _ => "pass a number or a boolean",
        };
        Err(self.refuse(&format!("cannot take values of type {value}: {advice}")))
    }
}

impl WindowUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        self.window.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The options are read once, not carried along as an array of equal texts.
    fn expressions(&self, args: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        args.input_exprs().iter().take(1).map(Arc::clone).collect()
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        match args.input_exprs().get(1) {
            None => self.start(""),
            Some(options) => match options.downcast_ref::<Literal>().map(|text| text.value().try_as_str()) {
                Some(Some(Some(text))) => self.start(text),
                _ => Err(self.refuse("the last argument must be one text literal")),
            },
        }
    }

    /// Never refuses: what does not fit is refused by `field`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = arg_types.to_vec();
        if let Some(value) = coerced.first_mut()
            && (value.is_numeric() || matches!(value, DataType::Boolean | DataType::Null))
        {
            *value = DataType::Float64;
        }
        Ok(coerced)
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let value = match args.input_fields() {
            [value] => value,
            [value, options] if is_text(options.data_type()) => value,
            [_, options] => {
                let got = options.data_type();
                return Err(self.refuse(&format!("the last argument must be one text literal, got {got}")));
            }
            fields => {
                let syntax = self.window.syntax;
                return Err(self.refuse(&format!("takes {syntax}, got {} arguments", fields.len())));
            }
        };
        self.check_value(value.data_type())?;
        Ok(Arc::new(Field::new(args.name(), self.window.result.clone(), true)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some((self.window.documentation)())
    }

    fn limit_effect(&self, _: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        match self.window.rows {
            Rows::Past => LimitEffect::None,
            Rows::Frame | Rows::Partition => LimitEffect::Unknown,
        }
    }
}

impl std::fmt::Debug for WindowFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WindowFunction({})", self.window.name)
    }
}

impl PartialEq for WindowFunction {
    fn eq(&self, other: &Self) -> bool {
        self.window.name == other.window.name
    }
}

impl Eq for WindowFunction {}

impl Hash for WindowFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.window.name.hash(state);
    }
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The value of a row; `None` for NULL, NaN, infinities and what is too large to be squared.
#[inline]
fn usable_at(values: &Float64Array, row: usize) -> Option<f64> {
    let value = values.value(row);
    (values.is_valid(row) && is_usable(value)).then_some(value)
}
