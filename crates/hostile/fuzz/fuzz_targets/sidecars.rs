//! libFuzzer throws bytes at `annals_hostile::sidecars`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_hostile::sidecars::run(bytes));
