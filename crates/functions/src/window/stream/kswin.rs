//! `kswin`: the newest values against a sample of those before.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, PartitionEvaluator};

use super::Flags;
use crate::kernels::streams::kswin::{Kswin, KswinSettings};
use crate::options::named::NamedOptions;
use crate::window::{Rows, Window, documentation};

pub(in crate::window) static KSWIN: Window = Window {
    name: "kswin",
    syntax: "(value [, options])",
    result: DataType::Boolean,
    rows: Rows::Past,
    evaluator,
    documentation: || &DOCUMENTATION,
};

const WINDOW_MAX: usize = 100_000;
/// The largest side whose p-value is exact, so that one table serves all rows.
const STAT_MAX: usize = 10_000;

fn evaluator(options: &str) -> Result<Box<dyn PartitionEvaluator>, String> {
    let options = NamedOptions::parse(options, &["alpha", "window_size", "stat_size", "seed"])?;
    let settings = KswinSettings {
        alpha: options.number("alpha", |alpha| alpha > 0.0 && alpha < 1.0, "lie in (0, 1)")?.unwrap_or(0.005),
        window_size: options.whole("window_size", 2..=WINDOW_MAX)?.unwrap_or(100),
        stat_size: options.whole("stat_size", 1..=STAT_MAX)?.unwrap_or(30),
        seed: options.whole("seed", 0..=u64::MAX)?.unwrap_or(42),
    };
    if settings.window_size < 2 * settings.stat_size {
        return Err(format!(
            "option 'window_size' must be at least two times 'stat_size', got {} and {}",
            settings.window_size, settings.stat_size
        ));
    }
    Ok(Flags::start(KSWIN.name, Kswin::new(settings)))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::detector(
        &KSWIN,
        "Kolmogorov-Smirnov windowing: whether the distribution has changed, not its mean alone. The newest `stat_size` values \
         are compared with as many drawn from the rest of a sliding window. Many rows are many tests: with the default \
         `alpha` a still stream of independent values shows a change every few hundred rows, so choose a small `alpha`.\n\n\
         A change when the two-sample p-value (see `ks_test`) is at most `alpha` and the statistic above 0.1. The draw is \
         Python's `random.Random(seed).sample`, so a seed marks the same rows here and in river; the generator starts again \
         after a change. Source: Raab, Heusinger and Schleif, Reactive soft prototype computing (2020); `river.drift.KSWIN`, \
         whose default seed is a new one each time, while ours is 42.\n\n\
         NULL values take no part. State: 8 bytes for each value of the window, 20 for each of `stat_size`, and 5 kB.",
        "`alpha=0.005`; `window_size=100` (to 100000), at least two times `stat_size=30` (to 10000); `seed=42`.",
        "kswin(v, 'window_size=6, stat_size=3, alpha=0.2, seed=1')",
    )
});
