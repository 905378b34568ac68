//! Measures the time of each part that a record, a batch or a checkpoint passes through.
//!
//! ```text
//! cargo bench -p consumer                 all of them
//! cargo bench -p consumer -- decode       those with this in their names
//! ```

#![allow(clippy::expect_used)]

mod aggregate;
mod checkpoint;
mod decode;
mod input;
mod render;

fn main() {
    divan::main();
}
