//! `page_hinkley`: how far the values have wandered from their mean.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, PartitionEvaluator};

use super::{DIRECTIONS, Flags};
use crate::kernels::streams::Direction;
use crate::kernels::streams::page_hinkley::{PageHinkley, PageHinkleySettings};
use crate::options::named::NamedOptions;
use crate::window::{Rows, Window, documentation};

pub(in crate::window) static PAGE_HINKLEY: Window = Window {
    name: "page_hinkley",
    syntax: "(value [, options])",
    result: DataType::Boolean,
    rows: Rows::Past,
    evaluator,
    documentation: || &DOCUMENTATION,
};

fn evaluator(options: &str) -> Result<Box<dyn PartitionEvaluator>, String> {
    let options = NamedOptions::parse(options, &["min_instances", "delta", "threshold", "alpha", "mode"])?;
    let is_positive = |number| number >= 0.0;
    let settings = PageHinkleySettings {
        min_instances: options.whole("min_instances", 1..=1_000_000_000)?.unwrap_or(30),
        delta: options.number("delta", is_positive, "be 0 or more")?.unwrap_or(0.005),
        threshold: options.number("threshold", is_positive, "be 0 or more")?.unwrap_or(50.0),
        alpha: options
            .number("alpha", |alpha| alpha > 0.0 && alpha <= 1.0, "lie in (0, 1]")?
            .unwrap_or(0.9999),
        direction: options.choice("mode", &DIRECTIONS)?.unwrap_or(Direction::Both),
    };
    Ok(Flags::start(PAGE_HINKLEY.name, PageHinkley::new(settings)))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::detector(
        &PAGE_HINKLEY,
        "The Page-Hinkley test: whether the mean has moved up or down. Set `delta` and `threshold` in the unit of the value: \
         the defaults suit values around 1, and values in the thousands pass them at once.\n\n\
         With the running mean `m_t`, the sums `U_t = alpha U_(t-1) + x_t - m_t - delta` and `D_t = alpha D_(t-1) + x_t - m_t + \
         delta`: a change when `U_t - min U > threshold` or `max D - D_t > threshold`. \
         Source: Page, Continuous inspection schemes (1954); `river.drift.PageHinkley`.\n\n\
         NULL values take no part. State: 48 bytes.",
        "`min_instances=30`: values before the first change; `delta=0.005`: deviation allowed for; `threshold=50`; \
         `alpha=0.9999`: how much of the sums is kept from row to row; `mode=both`, `up` or `down`.",
        "page_hinkley(v, 'min_instances=3, threshold=1.5')",
    )
});
