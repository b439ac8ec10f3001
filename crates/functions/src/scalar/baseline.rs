//! `baseline`: the token that names a stored reference in a drift function.

use std::sync::LazyLock;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::aggregate::DRIFT;

/// What it is not: a value. Whoever plans a query replaces it.
const MISPLACED: &str = "baseline(...) stands in the second place of a drift function, as in psi(value, baseline('training')), of a \
    function that compares two distributions, or of novelty, in a database that has the baseline";

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct BaselineToken {
    signature: Signature,
}

impl BaselineToken {
    pub(crate) fn new() -> Self {
        // stable: nothing evaluates it while planning
        Self { signature: Signature::variadic_any(Volatility::Stable) }
    }
}

/// The type of the token, which no column has.
fn token_type() -> DataType {
    DataType::Struct(vec![Field::new("baseline", DataType::Null, true)].into())
}

/// Whether an argument of this type is the token.
pub(crate) fn is_token(kind: &DataType) -> bool {
    *kind == token_type()
}

impl ScalarUDFImpl for BaselineToken {
    fn name(&self) -> &str {
        "baseline"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(token_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        plan_err!("{MISPLACED}")
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DRIFT,
        "A stored reference, in the place of `is_current`: every row is compared with what `CREATE BASELINE` measured. All \
         drift functions take it but those of ranks (`ks_test` and its like, and `drift_auto` of numbers), which need every value of \
         the reference.\n\n\
         `psi(value, baseline('training'))` is bit for bit what `psi` says of the raw reference rows and these rows together. A \
         baseline keeps the neighbours of all quantiles of 0.1 % with their exact ranks, so `bins` must divide 1000 (2, 4, 5, 8, 10, \
         20, 25, 40, 50, 100, 125, 200, 250, 500, 1000); `edges`, every other `binning`, and `profile` for numbers need the \
         raw rows and are refused. Text and boolean columns keep all their categories, at most 10000; \
         columns of embeddings (lists of numbers) keep centroids, for `novelty` alone. Source: the convention of the function that compares.\n\n\
         A key for which there is no reference gives NULL; `driftline.baselines` counts such answers in `keys_missed`, from when the database was opened. Rows are \
         counted as they come: memory does not grow with them. Works with `GROUP BY`, `FILTER` and `OVER`.\n\n\
         In either place of `psi_between`, `ks_between` and the other functions over two distributions it is the distribution of the \
         reference, the same as `distribution(value, 'buckets=4096')` of its rows: `ks_between(distribution(x), baseline('training', 'x'))` \
         and `wasserstein_between` give bounds where `ks_test` and `wasserstein` need every value. There, too, keys may be any expression, \
         and a missing one gives NULL and counts, once a row. `column` may be left out where the baseline has one. Baselines made \
         before distributions were kept are refused there until they are made again.",
        "baseline('name' [, 'column' [, key ...]])",
    )
    .with_argument("name", "The name of the baseline, a text literal.")
    .with_argument(
        "column",
        "The compared column of the baseline, a text literal. May be left out where the value is a column of that name.",
    )
    .with_argument(
        "key",
        "One value for each key of the baseline (its GROUP BY), in that order: literals, or expressions that are in GROUP BY (or \
         in PARTITION BY, with OVER), so that every group is compared with its own reference. NULL is a key like any other.",
    )
    .with_sql_example(
        "CREATE BASELINE training AS SELECT model, confidence FROM predictions WHERE time < '2026-08-01' GROUP BY model;\n\n\
         SELECT model, date_bin(INTERVAL '1 day', time) AS day, psi(confidence, baseline('training', 'confidence', model)) AS psi\n\
         FROM predictions WHERE time >= '2026-08-01' GROUP BY model, day ORDER BY day, model",
    )
    .build()
});
