//! libFuzzer throws bytes at `annals_hostile::frames`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_hostile::frames::run(bytes));
