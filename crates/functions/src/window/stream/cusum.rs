//! `cusum`: how much the values have added up above or below a target.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, PartitionEvaluator};

use super::{DIRECTIONS, Flags};
use crate::kernels::streams::cusum::{Cusum, CusumSettings};
use crate::kernels::streams::{Direction, is_usable};
use crate::options::named::NamedOptions;
use crate::window::{Rows, Window, documentation};

pub(in crate::window) static CUSUM: Window = Window {
    name: "cusum",
    syntax: "(value [, options])",
    result: DataType::Boolean,
    rows: Rows::Past,
    evaluator,
    documentation: || &DOCUMENTATION,
};

fn evaluator(options: &str) -> Result<Box<dyn PartitionEvaluator>, String> {
    let options = NamedOptions::parse(options, &["k", "h", "target", "sigma", "warmup", "mode", "relearn"])?;
    let target = options.number("target", is_usable, "be a number up to 1e140 in magnitude")?;
    let sigma = options.number("sigma", |sigma| sigma > 0.0, "be above 0")?;
    let warmup = options.whole("warmup", 2..=1_000_000_000)?;
    let relearn = options.flag("relearn")?;
    if target.is_some() && sigma.is_some() && (warmup.is_some() || relearn.is_some()) {
        return Err("options 'warmup' and 'relearn' mean nothing when 'target' and 'sigma' are given".into());
    }
    let settings = CusumSettings {
        k: options.number("k", |k| k >= 0.0, "be 0 or more")?.unwrap_or(0.5),
        h: options.number("h", |h| h > 0.0, "be above 0")?.unwrap_or(5.0),
        target,
        sigma,
        warmup: warmup.unwrap_or(100),
        relearn: relearn.unwrap_or(false),
        direction: options.choice("mode", &DIRECTIONS)?.unwrap_or(Direction::Both),
    };
    Ok(Flags::start(CUSUM.name, Cusum::new(settings)))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::detector(
        &CUSUM,
        "The tabular CUSUM chart: whether the mean has left its target, by small steps too. Distances are in units of sigma, so \
         the defaults suit any column. With `k=0.5, h=5` a still stream of independent normal values gives a false alarm every \
         465 rows on average, and a shift by one sigma is seen after 10.4.\n\n\
         `C+ = max(0, z - k + C+)` and `C- = max(0, -z - k + C-)` with `z = (x - target) / sigma`: a change when one exceeds \
         `h`; both start over at 0 then. What is not given is learnt from the first `warmup` values, at which no change is \
         seen: target as their mean, sigma as their standard deviation (n - 1); equal values teach no sigma, so learning goes on \
         until two differ. Source: Montgomery, Introduction to Statistical Quality Control, section 9.1; river has no such \
         detector.\n\n\
         NULL values take no part. State: under 200 bytes.",
        "`k=0.5`: half the shift worth seeing; `h=5`: decision interval; `target` and `sigma`: learnt when not given; \
         `warmup=100`: how many values teach (2 or more); `mode=both`, `up` or `down`; `relearn=false`: whether a change is \
         followed by another warm-up, else the old target stays and a lasting shift is reported again and again.",
        "cusum(v, 'target=0.05, sigma=0.2')",
    )
});
