//! libFuzzer throws bytes at `annals_hostile::lines`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_hostile::lines::run(bytes));
