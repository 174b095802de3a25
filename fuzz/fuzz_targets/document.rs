#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| eipcheck_fuzz::document::check(input));
