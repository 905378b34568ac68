//! How long the parts take that a record, a batch and a checkpoint pass through.
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
