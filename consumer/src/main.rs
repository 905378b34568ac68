//! The command line: settings in, exit code out.

fn main() {}
