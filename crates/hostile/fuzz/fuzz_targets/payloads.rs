//! libFuzzer throws bytes at `annals_hostile::payloads`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| annals_hostile::payloads::run(bytes));
