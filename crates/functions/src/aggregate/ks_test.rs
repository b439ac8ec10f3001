//! `ks_test`: the two-sample Kolmogorov-Smirnov test.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;

use super::comparison::{Comparison, Measure};
use super::documentation;
use crate::kernels::ks::{self, Alternative, Method, MethodUsed};
use crate::options::{self, OptionName, Options};

pub(crate) static KS_TEST: Comparison = Comparison {
    name: "ks_test",
    options: &[OptionName::Method, OptionName::Alternative],
    measure: Measure::Ranked { return_type: || DataType::Struct(FIELDS.clone()), measure },
    documentation: || &DOCUMENTATION,
};

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("statistic", DataType::Float64, true),
        Field::new("p_value", DataType::Float64, true),
        Field::new("location", DataType::Float64, true),
        Field::new("sign", DataType::Int32, true),
        Field::new("method", DataType::Utf8, true),
        Field::new("n_ref", DataType::Int64, true),
        Field::new("n_cur", DataType::Int64, true),
    ])
});

fn measure(reference: &[u64], current: &[u64], options: &Options) -> Result<ScalarValue> {
    let method = match options.method {
        options::Method::Auto => Method::Auto,
        options::Method::Exact => Method::Exact,
        options::Method::Asymptotic => Method::Asymptotic,
    };
    let alternative = match options.alternative {
        options::Alternative::TwoSided => Alternative::TwoSided,
        options::Alternative::Less => Alternative::Less,
        options::Alternative::Greater => Alternative::Greater,
    };
    let test = ks::ks_test(reference, current, method, alternative);
    let used = match test.method {
        MethodUsed::Exact => "exact",
        MethodUsed::Asymptotic => "asymp",
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(vec![test.statistic])),
        Arc::new(Float64Array::from(vec![test.p_value])),
        Arc::new(Float64Array::from(vec![test.location])),
        Arc::new(Int32Array::from(vec![test.sign])),
        Arc::new(StringArray::from(vec![used])),
        Arc::new(Int64Array::from(vec![reference.len() as i64])),
        Arc::new(Int64Array::from(vec![current.len() as i64])),
    ];
    Ok(ScalarValue::Struct(Arc::new(StructArray::new(FIELDS.clone(), columns, None))))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        "ks_test",
        "Two-sample Kolmogorov-Smirnov test, STRUCT(statistic DOUBLE, p_value DOUBLE, location DOUBLE, sign \
         INTEGER, method TEXT, n_ref BIGINT, n_cur BIGINT).\n\n\
         `statistic = max |F(x) - G(x)|` with the empirical distributions `F` of the reference and `G` of the current \
         population; `location` is the `x` where it is reached, `sign` is 1 where `F` lies above `G` there and -1 where it \
         lies below; `n_ref` and `n_cur` count the values used. `statistic`, `p_value`, `location` and `sign` equal \
         `scipy.stats.ks_2samp(reference, current)` of scipy 1.17 to 1e-9. `method` says how the p-value was made: `exact` \
         (up to 10000 values a side by default), or `asymp`: `scipy.stats.kstwo.sf` at the rounded effective size, not \
         Kolmogorov's limit. Source: Hodges (1958), Simard and L'Ecuyer (2011).\n\n\
         The p-value assumes independent rows: 200 conversations of 5 rows each reject 38 % at a nominal 5 %. At millions of \
         rows it is near 0 for shifts that matter to nobody: alert on the statistic.\n\n\
         NULL values and rows with NULL `is_current` are ignored; NaN and infinities are left out. The result is NULL when a \
         side has no value. Text, BOOLEAN and TIMESTAMP values are refused. Needs 8 bytes a value. Works in `OVER` windows.",
        "`method=auto`, `exact` or `asymp`; `alternative=two-sided`, `less` or `greater` (`F` lies below, above `G` \
         somewhere).",
        true,
    )
});
