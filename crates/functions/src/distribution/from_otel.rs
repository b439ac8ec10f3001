//! `distribution_from_otel`: exponential histograms of OpenTelemetry as distributions.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::aggregate::parse_buckets;
use super::column::{self, array_of};
use super::documentation::DISTRIBUTIONS;
use super::operand::answer;
use crate::kernels::distribution::{COUNT_MAX, Distribution, ForeignHistogram};
use crate::scalar::Texts;

/// The fields of an OpenTelemetry exponential histogram, as the table `metrics` stores it.
const FIELDS: [&str; 7] = [
    "scale",
    "zero_count",
    "zero_threshold",
    "positive_offset",
    "positive_counts",
    "negative_offset",
    "negative_counts",
];

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FromOtel {
    signature: Signature,
}

impl FromOtel {
    pub(super) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

fn buckets_of(literal: Option<Option<&str>>) -> Result<u32> {
    match literal {
        None => parse_buckets("").or_else(|message| plan_err!("distribution_from_otel: {message}")),
        Some(Some(text)) => {
            parse_buckets(text).or_else(|message| plan_err!("distribution_from_otel: {message}"))
        }
        Some(None) => plan_err!("distribution_from_otel: the options must be one text literal"),
    }
}

impl ScalarUDFImpl for FromOtel {
    fn name(&self) -> &str {
        "distribution_from_otel"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_field_from_args`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(temporality @ DataType::Null) = types.get_mut(1) {
            *temporality = DataType::Utf8;
        }
        Ok(types)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(column::data_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let kinds: Vec<&DataType> = args.arg_fields.iter().map(|field| field.data_type()).collect();
        if !(2..=3).contains(&kinds.len()) {
            return plan_err!(
                "distribution_from_otel: takes (distribution, temporality [, options]), got {} arguments",
                kinds.len()
            );
        }
        match kinds[0] {
            DataType::Null => {}
            DataType::Struct(fields) if FIELDS.iter().all(|name| fields.find(name).is_some()) => {}
            DataType::List(_) | DataType::LargeList(_) => {
                return plan_err!(
                    "distribution_from_otel: a histogram with explicit bounds keeps its bounds and is no distribution, got \
                     {}; have the exporter send exponential histograms",
                    kinds[0]
                );
            }
            other => {
                return plan_err!(
                    "distribution_from_otel: takes the column distribution of metrics (a STRUCT with {}), got {other}",
                    FIELDS.join(", ")
                );
            }
        }
        if !Texts::reads(kinds[1]) && !kinds[1].is_null() {
            return plan_err!("distribution_from_otel: temporality must be a text, got {}", kinds[1]);
        }
        buckets_of(
            args.scalar_arguments.get(2).map(|literal| literal.and_then(|text| text.try_as_str().flatten())),
        )?;
        Ok(Arc::new(Field::new(self.name(), column::data_type(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let max_buckets = buckets_of(args.args.get(2).map(|literal| match literal {
            ColumnarValue::Scalar(text) => text.try_as_str().flatten(),
            ColumnarValue::Array(_) => None,
        }))?;
        let histograms = args.args[0].to_array(args.number_rows)?;
        let temporalities = args.args[1].to_array(args.number_rows)?;
        let temporalities = Texts::new(&temporalities)?;
        let mut rows: Vec<Option<Distribution>> = vec![None; args.number_rows];
        if let Some(histograms) = histograms.as_struct_opt() {
            let columns = Columns::new(histograms)?;
            for (row, slot) in rows.iter_mut().enumerate() {
                if histograms.is_valid(row) {
                    check_temporality(temporalities.get(row))?;
                    *slot = match columns.get(row).into_distribution(max_buckets) {
                        Ok(distribution) => Some(distribution),
                        Err(message) => return exec_err!("distribution_from_otel: {message}"),
                    };
                }
            }
        }
        answer(&args.args, &array_of(&rows))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

fn check_temporality(temporality: Option<&str>) -> Result<()> {
    match temporality {
        Some("delta") => Ok(()),
        Some("cumulative") => exec_err!(
            "distribution_from_otel: cumulative points count everything since their start again and again; have the exporter \
             send delta temporality, or subtract each point of a series from the next one with the same start_time first"
        ),
        Some(other) => exec_err!("distribution_from_otel: temporality must be delta, got '{other}'"),
        None => exec_err!("distribution_from_otel: temporality must be delta, got NULL"),
    }
}

/// The fields of a column of histograms.
struct Columns {
    columns: Vec<ArrayRef>,
}

impl Columns {
    fn new(histograms: &StructArray) -> Result<Self> {
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true)));
        let kinds = [
            DataType::Int32,
            DataType::Int64,
            DataType::Float64,
            DataType::Int32,
            list.clone(),
            DataType::Int32,
            list,
        ];
        let field = |(name, kind): (&&str, DataType)| match histograms.column_by_name(name) {
            Some(column) => Ok(cast(column, &kind)?),
            None => plan_err!("distribution_from_otel: the histogram has no {name}"),
        };
        Ok(Self { columns: FIELDS.iter().zip(kinds).map(field).collect::<Result<_>>()? })
    }

    fn get(&self, row: usize) -> ForeignHistogram {
        let integer = |column: usize| {
            let column = self.columns[column].as_primitive::<Int32Type>();
            if column.is_valid(row) { column.value(row) } else { 0 }
        };
        let zeros = self.columns[1].as_primitive::<Int64Type>();
        let threshold = self.columns[2].as_primitive::<Float64Type>();
        let counts = |column: usize| {
            let lists = self.columns[column].as_list::<i32>();
            let counts = lists.is_valid(row).then(|| lists.value(row));
            let count =
                |count: Option<i64>| u64::try_from(count.unwrap_or_default()).unwrap_or(COUNT_MAX + 1);
            counts.map_or_else(Vec::new, |list| list.as_primitive::<Int64Type>().iter().map(count).collect())
        };
        ForeignHistogram {
            scale: integer(0),
            zero_count: if zeros.is_valid(row) {
                u64::try_from(zeros.value(row)).unwrap_or(COUNT_MAX + 1)
            } else {
                0
            },
            zero_threshold: if threshold.is_valid(row) { threshold.value(row) } else { 0.0 },
            positive: (integer(3), counts(4)),
            negative: (integer(5), counts(6)),
        }
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DISTRIBUTIONS,
        "Reads an exponential histogram of OpenTelemetry as a distribution, which can then be merged, stored and compared with others. Its \
         buckets are the same: bucket `i` of scale `s` holds `(2^(i/2^s), 2^((i+1)/2^s)]`, so no count moves; only scales \
         finer than 20 or than `buckets` allows are made coarser. `min`, `max` and `sum` are NULL: the point has them in columns of its own.\n\n\
         Only delta points are taken. A cumulative point counts everything since its start, so merging cumulative points would count \
         values again and again: they are refused. Histograms with explicit bounds keep their bounds and never mix with these: they are refused too. \
         A `zero_threshold` above 1e-30 with counted zeros is refused, because those values are not known to be 0; up to there \
         they pass for 0.\n\n\
         NULL for a NULL histogram, whatever the temporality. Errors: what is named above, a negative count, a bucket beyond the range \
         of DOUBLE. Source: OpenTelemetry metrics data model, exponential histograms.",
        "distribution_from_otel(distribution, temporality [, options])",
    )
    .with_argument("distribution", "The column `distribution` of the table `metrics`.")
    .with_argument("temporality", "The column `temporality` of the same table: must be 'delta'.")
    .with_argument("options", "One text literal. `buckets=320` (8 to 4096): the most non-empty buckets.")
    .with_sql_example(
        "SELECT d['count'], d['scale'], d['positive_indexes'], distribution_quantile(d, 0.5) AS median\n\
         FROM (SELECT distribution_from_otel({scale: 0, zero_count: 1, zero_threshold: 0.0, positive_offset: 2,\n\
         \x20            positive_counts: [3, 0, 1], negative_offset: 0, negative_counts: []}, 'delta') AS d)",
    )
    .build()
});
