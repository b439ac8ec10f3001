#![no_main]

use driftline_otel::Encoding;

libfuzzer_sys::fuzz_target!(|data: &[u8]| driftline_fuzz::otlp(data, Encoding::Json));
