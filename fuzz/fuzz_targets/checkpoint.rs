#![no_main]

use libfuzzer_sys::fuzz_target;
use properties::checkpoint;

fuzz_target!(|input: &[u8]| checkpoint::check(input));
