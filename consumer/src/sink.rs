//! Where results and bad records go.

pub mod dead_letters;
