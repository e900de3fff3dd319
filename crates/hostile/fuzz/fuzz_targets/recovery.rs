//! libFuzzer throws bytes at `annals_hostile::recovery`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_hostile::recovery::run(bytes));
