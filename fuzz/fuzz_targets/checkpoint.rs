#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../properties/checkpoint.rs"]
mod checkpoint;

fuzz_target!(|input: &[u8]| checkpoint::check(input));
