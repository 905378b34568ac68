#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/decoder.rs"]
mod decoder;

fuzz_target!(|input: &[u8]| decoder::check(input));
