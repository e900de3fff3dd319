//! libFuzzer throws bytes at `annals_hostile::imports`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_hostile::imports::run(bytes));
