//! `ddm`: an error rate that rises above the best it has been.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, PartitionEvaluator};

use super::Flags;
use crate::kernels::streams::ddm::{Ddm, DdmLevel, DdmSettings};
use crate::options::named::NamedOptions;
use crate::window::{Rows, Window, documentation};

pub(in crate::window) static DDM: Window = Window {
    name: "ddm",
    syntax: "(is_error [, options])",
    result: DataType::Boolean,
    rows: Rows::Past,
    evaluator,
    documentation: || &DOCUMENTATION,
};

const LEVELS: [(&str, DdmLevel); 2] = [("drift", DdmLevel::Drift), ("warning", DdmLevel::Warning)];

fn evaluator(options: &str) -> Result<Box<dyn PartitionEvaluator>, String> {
    let known = ["warm_start", "warning_threshold", "drift_threshold", "level"];
    let options = NamedOptions::parse(options, &known)?;
    let deviations = |name| options.number(name, |number| number > 0.0, "be above 0");
    let settings = DdmSettings {
        warm_start: options.whole("warm_start", 1..=1_000_000_000)?.unwrap_or(30),
        warning_threshold: deviations("warning_threshold")?.unwrap_or(2.0),
        drift_threshold: deviations("drift_threshold")?.unwrap_or(3.0),
        level: options.choice("level", &LEVELS)?.unwrap_or(DdmLevel::Drift),
    };
    Ok(Flags::start_within(DDM.name, Ddm::new(settings), 0.0..=1.0))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of(
        &DDM,
        documentation::STREAMS,
        "The drift detection method: whether the error rate of a model has risen. `is_error` is BOOLEAN, or a number from 0 to \
         1; other numbers are an error.\n\n\
         After `i` values with the rate `p` and `s = sqrt(p (1 - p) / i)`: a change when `p + s > p_min + drift_threshold s_min`, \
         with `p_min` and `s_min` from where `p + s` was least; the warning zone, `level=warning`, begins at \
         `warning_threshold` and ends at the change. Source: Gama, Medas, Castillo and Rodrigues, Learning with drift detection \
         (2004); `river.drift.binary.DDM`.\n\n\
         NULL values take no part. State: 32 bytes.",
        &[(
            "options",
            "One text literal. `warm_start=30`: the first values only teach; `warning_threshold=2` and `drift_threshold=3`: in \
             standard deviations; `level=drift`, or `level=warning` to mark the warning zone instead.",
        )],
        "SELECT hour, is_error, ddm(is_error, 'warm_start=4') OVER (ORDER BY hour) AS changed,\n\
         \x20      ddm(is_error, 'warm_start=4, level=warning') OVER (ORDER BY hour) AS warned\n\
         FROM (SELECT hour, hour = 2 OR hour > 8 AS is_error FROM generate_series(1, 12) AS hours (hour))\n\
         ORDER BY hour",
    )
});
