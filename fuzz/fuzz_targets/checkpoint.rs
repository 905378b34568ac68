#![no_main]

use std::panic;

use libfuzzer_sys::fuzz_target;

#[path = "../properties/checkpoint.rs"]
mod checkpoint;

fuzz_target!(
    // The reader turns panics of Arrow into errors, but by default the first panic of any kind is the end.
    // One that nobody catches still is.
    init: panic::set_hook(Box::new(|_panic| {})),
    |input: &[u8]| checkpoint::check(input)
);
