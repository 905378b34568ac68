#![no_main]

use libfuzzer_sys::fuzz_target;
use properties::decoder;

fuzz_target!(|input: &[u8]| decoder::check(input));
