//! `adwin`: a window that grows while its mean holds.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, PartitionEvaluator};

use super::Flags;
use crate::kernels::streams::adwin::{Adwin, AdwinSettings};
use crate::options::named::NamedOptions;
use crate::window::{Rows, Window, documentation};

pub(in crate::window) static ADWIN: Window = Window {
    name: "adwin",
    syntax: "(value [, options])",
    result: DataType::Boolean,
    rows: Rows::Past,
    evaluator,
    documentation: || &DOCUMENTATION,
};

const BUCKETS_MAX: usize = 1000;

fn evaluator(options: &str) -> Result<Box<dyn PartitionEvaluator>, String> {
    let known = ["delta", "clock", "max_buckets", "min_window_length", "grace_period"];
    let options = NamedOptions::parse(options, &known)?;
    let settings = AdwinSettings {
        delta: options.number("delta", |delta| delta > 0.0 && delta < 1.0, "lie in (0, 1)")?.unwrap_or(0.002),
        clock: options.whole("clock", 1..=1_000_000)?.unwrap_or(32),
        max_buckets: options.whole("max_buckets", 2..=BUCKETS_MAX)?.unwrap_or(5),
        min_window_length: options.whole("min_window_length", 1..=1_000_000)?.unwrap_or(5),
        grace_period: options.whole("grace_period", 0..=1_000_000_000)?.unwrap_or(10),
    };
    Ok(Flags::start(ADWIN.name, Adwin::new(settings)))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of(
        &ADWIN,
        documentation::STREAMS,
        "Adaptive windowing: whether the mean has changed, in whatever unit and at whatever speed. A window grows as long as no \
         cut divides it into two parts of different means.\n\n\
         A cut into `n0` older and `n1` newer values is a change when `|mean0 - mean1| > sqrt(2 m s² L) + 2/3 m L` with \
         `m = 1/(n0 - l + 1) + 1/(n1 - l + 1)`, `l = min_window_length`, `L = ln(2 ln(n) / delta)` and the window's variance \
         `s²`. Source: Bifet and Gavaldà, Learning from time-changing data with adaptive windowing (2007); \
         `river.drift.ADWIN`.\n\n\
         NULL values take no part. State: about 16 `max_buckets` log2(n) bytes for a window of n values.",
        &[(
            "options",
            "One text literal. `delta=0.002`: significance of a cut; `clock=32`: how often cuts are looked for; `max_buckets=5`: summaries of one \
         size (2 to 1000), more are finer; `min_window_length=5`: shortest part compared; `grace_period=10`: values before the \
         first comparison.",
        )],
        "SELECT minute, v FROM (\n\
         \x20   SELECT minute, v, adwin(v) OVER (ORDER BY minute) AS changed\n\
         \x20   FROM (SELECT minute, minute % 7 + CASE WHEN minute > 500 THEN 3 ELSE 0 END AS v\n\
         \x20         FROM generate_series(1, 1000) AS minutes (minute)))\n\
         WHERE changed ORDER BY minute",
    )
});
