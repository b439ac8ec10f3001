//! Benchmarks of the core, one binary: `cargo bench --workspace --bench driftline`, with `-- scan` for a part of it.
//!
//! A part is a module with a function that takes the criterion. Figures are quoted in docs/performance.md, as ratios from one run
//! wherever two things are compared.

mod bitmaps;
mod drift_report;
mod exporters;
mod functions;
mod load;
mod otlp;
mod program;
mod scan;
mod segment_codecs;
mod segments;
mod serve;
mod slo;
mod telemetry;
mod windows;
mod write;

use criterion::Criterion;

fn main() {
    if let Some(sizes) = functions::rows_of_table() {
        return functions::print_table(&sizes);
    }
    if let Some((program, database)) = load::asked() {
        return load::run(&program, &database);
    }
    if let Some(program) = exporters::asked() {
        return exporters::run(&program);
    }
    if let Some(rows) = slo::asked() {
        return slo::run(rows);
    }
    if let Some(count) = segments::asked() {
        return segments::run(count);
    }
    let mut criterion = Criterion::default().configure_from_args();
    write::run(&mut criterion);
    scan::run(&mut criterion);
    segment_codecs::run(&mut criterion);
    bitmaps::run(&mut criterion);
    otlp::run(&mut criterion);
    functions::run(&mut criterion);
    drift_report::run(&mut criterion);
    windows::run(&mut criterion);
    serve::run(&mut criterion);
    criterion.final_summary();
}
