//! Checks what the documents say: the tables of settings are those of the flags, the files for Docker have the same
//! names and defaults, and every link leads somewhere.
//!
//! ```text
//! UPDATE_SETTINGS=1 cargo test -p consumer --test documents    # writes the tables of docs/settings.md anew
//! ```

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod docker;
mod flags;
mod links;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the root of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the text of the file at this path from the root of the repository.
fn text(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
