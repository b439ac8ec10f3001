//! `ewma`: the exponentially weighted average of a row and all before it.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, PartitionEvaluator};

use super::Averages;
use crate::kernels::ewma::{Ewma, EwmaSettings};
use crate::options::named::NamedOptions;
use crate::window::{Rows, Window, documentation};

pub(in crate::window) static EWMA: Window = Window {
    name: "ewma",
    syntax: "(value, options)",
    result: DataType::Float64,
    rows: Rows::Past,
    evaluator,
    documentation: || &DOCUMENTATION,
};

fn evaluator(options: &str) -> Result<Box<dyn PartitionEvaluator>, String> {
    let options = NamedOptions::parse(options, &["alpha", "half_life", "span", "adjust", "ignore_na"])?;
    let alpha = options.number("alpha", |alpha| alpha > 0.0 && alpha <= 1.0, "lie in (0, 1]")?;
    let half_life = options.number("half_life", |rows| rows > 0.0, "be above 0 rows")?;
    let span = options.number("span", |rows| rows >= 1.0, "be 1 row or more")?;
    let alpha = match (alpha, half_life, span) {
        (Some(alpha), None, None) => alpha,
        (None, Some(half_life), None) => EwmaSettings::alpha_of_half_life(half_life),
        (None, None, Some(span)) => EwmaSettings::alpha_of_span(span),
        _ => {
            return Err(
                "needs one of the options alpha, half_life and span, for example 'half_life=10'".into()
            );
        }
    };
    Ok(Box::new(Averages(Ewma::new(EwmaSettings {
        alpha,
        adjust: options.flag("adjust")?.unwrap_or(true),
        ignore_na: options.flag("ignore_na")?.unwrap_or(false),
    }))))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of(
        &EWMA,
        documentation::ANOMALIES,
        "The exponentially weighted average of a value and all before it in the order of time, DOUBLE: a level that follows \
         slowly, to compare the next value with. Write `OVER (ORDER BY time)`; a call without ORDER BY, with a FILTER or with \
         another frame than the default is refused.\n\n\
         `y_t = sum (1 - alpha)^i x_(t-i) / sum (1 - alpha)^i`, or with `adjust=false` `y_t = (1 - alpha) y_(t-1) + alpha x_t` \
         from `y_0 = x_0`. `half_life` means `alpha = 1 - exp(-ln 2 / half_life)`, `span` means `alpha = 2 / (span + 1)`; both \
         count rows, not time. Source: pandas 3.1, `Series.ewm(...).mean()`, whose defaults these are; Roberts (1959).\n\n\
         NULL, NaN, infinities and magnitudes above 1e140 add nothing: the average before them is repeated, NULL before the \
         first value. Older weights fall at them too, unless `ignore_na=true`. Partitions are read batch by batch; the state of \
         each is 24 bytes.",
        &[(
            "options",
            "One text literal. One of `alpha` in (0, 1], `half_life` and `span`; `adjust=true`; `ignore_na=false`.",
        )],
        "SELECT hour, v, round(ewma(v, 'alpha=0.5') OVER (ORDER BY hour), 4) AS level\n\
         FROM (VALUES (1, 1.0), (2, 2.0), (3, NULL), (4, 8.0)) AS t (hour, v) ORDER BY hour",
    )
});
