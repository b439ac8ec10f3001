#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| driftline_fuzz::remote_write(data));
