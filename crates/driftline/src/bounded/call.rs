//! A function of DataFusion that refuses to make too much of a batch of rows. In all else it is the function inside.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ExpressionPlacement, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, StructFieldMapping,
};

use super::column::{Column, value_bytes, width};
use super::growth::Growth;
use super::{RESULT_BYTES_MAX, WIDTH_BYTES_MAX, refused};

/// The function in bounds, where it has any; one that is in bounds stays as it is.
pub(super) fn bounded(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    match Growth::of(function.name()) {
        Some(growth) if !is_bounded(&function) => {
            Arc::new(ScalarUDF::new_from_impl(BoundedCall { inner: function, growth }))
        }
        _ => function,
    }
}

pub(super) fn is_bounded(function: &ScalarUDF) -> bool {
    function.inner().is::<BoundedCall>()
}

/// Fails for a type whose values are too wide.
pub(super) fn check_type(data_type: &DataType) -> DfResult<()> {
    match width(data_type) {
        bytes if bytes > WIDTH_BYTES_MAX => Err(refused(format!(
            "a value of the type {data_type} would take {bytes} bytes in every row; the limit is {WIDTH_BYTES_MAX}"
        ))),
        _ => Ok(()),
    }
}

/// Fails for results that are too large, or may be.
pub(super) fn check_bytes(name: &str, growth: Growth, bytes: u64) -> DfResult<()> {
    let makes = if growth.is_rough() { "could make up to" } else { "would make" };
    match bytes {
        bytes if bytes > RESULT_BYTES_MAX => Err(refused(format!(
            "{name} {makes} {bytes} bytes of {} from one batch of rows; the limit is {RESULT_BYTES_MAX}",
            growth.what()
        ))),
        _ => Ok(()),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct BoundedCall {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl BoundedCall {
    fn function(&self) -> &dyn ScalarUDFImpl {
        self.inner.inner().as_ref()
    }

    /// Calls the function on as many rows at a time as cannot make too much, and counts what they make.
    fn invoke_in_pieces(&self, args: &ScalarFunctionArgs, columns: &[Column]) -> DfResult<ColumnarValue> {
        let mut pieces = vec![];
        let (mut start, mut bytes, mut made) = (0, 0_u64, 0_u64);
        for row in 0..=args.number_rows {
            let of_row = match row < args.number_rows {
                true => self.growth.row_bytes(columns, row),
                false => u64::MAX,
            };
            if row > start && bytes.saturating_add(of_row) > RESULT_BYTES_MAX {
                let piece =
                    self.function().invoke_with_args(rows_of(args, start, row))?.into_array(row - start)?;
                made = made.saturating_add(value_bytes(&piece, 0, piece.len()));
                check_bytes(self.name(), self.growth, made)?;
                pieces.push(piece);
                (start, bytes) = (row, 0);
            }
            if row < args.number_rows {
                check_bytes(self.name(), self.growth, of_row)?;
                bytes = bytes.saturating_add(of_row);
            }
        }
        let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(concat(&pieces)?))
    }

    /// Whether joining the literals among the arguments, as `simplify` does, makes too much.
    fn joins_too_much(&self, args: &[Expr]) -> bool {
        let bytes = |expr: &Expr| match expr {
            Expr::Literal(value, _) => value.try_as_str().flatten().map_or(0, str::len) as u64,
            _ => 0,
        };
        let texts = args.iter().map(bytes).fold(0, u64::saturating_add);
        let separators = match self.growth {
            Growth::Concat => 0,
            Growth::ConcatWithSeparator => args.first().map_or(0, bytes).saturating_mul(args.len() as u64),
            _ => return false,
        };
        texts.saturating_add(separators) > RESULT_BYTES_MAX
    }
}

/// Some rows of the arguments.
fn rows_of(args: &ScalarFunctionArgs, start: usize, end: usize) -> ScalarFunctionArgs {
    let mut part = args.clone();
    part.number_rows = end - start;
    for argument in &mut part.args {
        if let ColumnarValue::Array(values) = argument {
            *values = values.slice(start, end - start);
        }
    }
    part
}

/// Lengths below zero mean zero; as part of the capacity that the function asks for they would be the largest there are.
fn lengths_from_zero(args: &mut [ColumnarValue]) {
    if let Some(ColumnarValue::Array(lengths)) = args.get_mut(1)
        && let Some(integers) = lengths.as_primitive_opt::<Int64Type>()
    {
        *lengths = Arc::new(integers.unary::<_, Int64Type>(|length| length.max(0)));
    }
}

// all methods, so that nothing of the function inside is lost
#[warn(clippy::missing_trait_methods)]
impl ScalarUDFImpl for BoundedCall {
    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        if self.growth == Growth::Type {
            return self.function().invoke_with_args(args);
        }
        let columns = args.args.iter().map(Column::of).collect::<DfResult<Vec<_>>>()?;
        let bytes = self.growth.bytes(&columns, args.number_rows);
        if bytes > RESULT_BYTES_MAX && self.growth.is_rough() {
            return self.invoke_in_pieces(&args, &columns);
        }
        check_bytes(self.name(), self.growth, bytes)?;
        if self.growth == Growth::Pad {
            lengths_from_zero(&mut args.args);
        }
        self.function().invoke_with_args(args)
    }

    /// The function may become another one of DataFusion's, which needs bounds, too.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> DfResult<ExprSimplifyResult> {
        if self.joins_too_much(&args) {
            return Ok(ExprSimplifyResult::Original(args));
        }
        Ok(match self.function().simplify(args, info)? {
            ExprSimplifyResult::Simplified(Expr::ScalarFunction(mut call)) => {
                call.func = bounded(call.func);
                ExprSimplifyResult::Simplified(Expr::ScalarFunction(call))
            }
            other => other,
        })
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        let field = self.function().return_field_from_args(args)?;
        if self.growth == Growth::Type {
            check_type(field.data_type())?;
        }
        Ok(field)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = Arc::new(self.function().with_updated_config(config)?);
        Some(ScalarUDF::new_from_impl(Self { inner, growth: self.growth }))
    }

    fn name(&self) -> &str {
        self.function().name()
    }

    fn aliases(&self) -> &[String] {
        self.function().aliases()
    }

    #[expect(deprecated, reason = "a part of the trait")]
    fn display_name(&self, args: &[Expr]) -> DfResult<String> {
        self.function().display_name(args)
    }

    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        self.function().schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.function().signature()
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.function().return_type(types)
    }

    #[expect(deprecated, reason = "a part of the trait")]
    fn is_nullable(&self, args: &[Expr], schema: &dyn ExprSchema) -> bool {
        self.function().is_nullable(args, schema)
    }

    fn is_strict(&self) -> bool {
        self.function().is_strict()
    }

    fn preimage(&self, args: &[Expr], literal: &Expr, info: &SimplifyContext) -> DfResult<PreimageResult> {
        self.function().preimage(args, literal, info)
    }

    fn short_circuits(&self) -> bool {
        self.function().short_circuits()
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.function().conditional_arguments(args)
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> DfResult<Interval> {
        self.function().evaluate_bounds(inputs)
    }

    fn propagate_constraints(
        &self,
        interval: &Interval,
        inputs: &[&Interval],
    ) -> DfResult<Option<Vec<Interval>>> {
        self.function().propagate_constraints(interval, inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> DfResult<SortProperties> {
        self.function().output_ordering(inputs)
    }

    fn preserves_lex_ordering(&self, inputs: &[ExprProperties]) -> DfResult<bool> {
        self.function().preserves_lex_ordering(inputs)
    }

    fn strictly_order_preserving(&self, inputs: &[ExprProperties]) -> DfResult<bool> {
        self.function().strictly_order_preserving(inputs)
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        self.function().coerce_types(types)
    }

    fn struct_field_mapping(&self, literals: &[Option<ScalarValue>]) -> Option<StructFieldMapping> {
        self.function().struct_field_mapping(literals)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function().documentation()
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.function().placement(args)
    }
}
