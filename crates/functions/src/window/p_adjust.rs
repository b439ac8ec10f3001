//! `p_adjust`: p-values adjusted for being many.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{Documentation, PartitionEvaluator};

use super::{Rows, Window};
use crate::aggregate::DRIFT;
use crate::kernels::p_adjust::{Adjustment, adjust};
use crate::options::nearest;

pub(super) static P_ADJUST: Window = Window {
    name: "p_adjust",
    syntax: "(p [, method])",
    result: DataType::Float64,
    rows: Rows::Partition,
    evaluator,
    documentation: || &DOCUMENTATION,
};

const METHODS: [(&str, Adjustment); 4] = [
    ("bh", Adjustment::BenjaminiHochberg),
    ("by", Adjustment::BenjaminiYekutieli),
    ("holm", Adjustment::Holm),
    ("bonferroni", Adjustment::Bonferroni),
];

fn evaluator(method: &str) -> Result<Box<dyn PartitionEvaluator>, String> {
    let method = match method.trim() {
        "" => "bh",
        method => method,
    };
    let names = || METHODS.iter().map(|(name, _)| *name);
    match METHODS.iter().find(|(name, _)| name.eq_ignore_ascii_case(method)) {
        Some(&(_, adjustment)) => Ok(Box::new(Adjusted(adjustment))),
        None => {
            let known = names().collect::<Vec<_>>().join(", ");
            Err(match nearest(&method.to_ascii_lowercase(), names()) {
                Some(near) => format!("unknown method '{method}' (did you mean '{near}'? known: {known})"),
                None => format!("unknown method '{method}' (known: {known})"),
            })
        }
    }
}

#[derive(Debug)]
struct Adjusted(Adjustment);

impl PartitionEvaluator for Adjusted {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let values = values[0].as_primitive::<Float64Type>();
        let takes_part = |row: &usize| values.is_valid(*row) && values.value(*row).is_finite();
        let rows: Vec<usize> = (0..num_rows).filter(takes_part).collect();
        let mut p_values: Vec<f64> = rows.iter().map(|&row| values.value(row) + 0.0).collect();
        if let Some(p) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return exec_err!("p_adjust: p must lie in [0, 1], got {p}");
        }
        adjust(&mut p_values, self.0);
        let mut adjusted = vec![None; num_rows];
        for (row, p) in rows.into_iter().zip(p_values) {
            adjusted[row] = Some(p);
        }
        Ok(Arc::new(Float64Array::from(adjusted)))
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DRIFT,
        "P-values adjusted for being many, DOUBLE from 0 to 1: among a hundred columns without drift, five have p below 0.05. \
         All rows of the partition are adjusted together, so `OVER ()` takes all of the query and `OVER (PARTITION BY model)` \
         those of each model; the order changes nothing, and a frame that takes less is refused.\n\n\
         With the `m` p-values in rising order: `bh`, the share of false discoveries of independent tests: `min over j >= i of \
         p_j m / j`; `by`, the same for any dependence: `bh` times `sum 1/k`; `holm`, the chance of any false discovery: `max \
         over j <= i of p_j (m - j + 1)`; `bonferroni`: `p m`; none above 1. Source: Benjamini and Hochberg (1995), Benjamini \
         and Yekutieli (2001), Holm (1979); equal to statsmodels' `multipletests` (`fdr_bh`, `fdr_by`, `holm`, `bonferroni`) and \
         scipy's `false_discovery_control` to 1e-9. Columns of one table are seldom independent: `by` is the careful choice.\n\n\
         NULL, NaN and infinities are not counted in `m` and give NULL. Errors: a number outside [0, 1]. The partition is held \
         in memory, with 40 bytes a row on top.",
        "p_adjust(p [, method]) OVER (...)",
    )
    .with_argument("p", "A p-value: a number in [0, 1].")
    .with_argument("method", "A text literal: `bh` (default), `by`, `holm` or `bonferroni`.")
    .with_sql_example(
        "SELECT col, p, round(p_adjust(p) OVER (), 4) AS bh, round(p_adjust(p, 'holm') OVER (), 4) AS holm\n\
         FROM (VALUES ('latency', 0.001), ('tokens', 0.02), ('score', 0.03), ('length', 0.5)) AS t (col, p) ORDER BY p",
    )
    .build()
});
