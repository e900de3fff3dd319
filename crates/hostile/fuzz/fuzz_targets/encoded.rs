//! libFuzzer throws bytes at `annals_hostile::encoded`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_hostile::encoded::run(bytes));
