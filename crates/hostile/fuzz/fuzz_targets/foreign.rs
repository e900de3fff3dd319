//! libFuzzer throws bytes at `annals_hostile::foreign`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_hostile::foreign::run(bytes));
