//! Checks the properties of the fuzz targets for all inputs in the corpus: those of the repository and those that a
//! fuzzer has found since. So they are checked wherever the tests are run, without a fuzzer.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use properties::{checkpoint, decoder};

mod seeds;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(target)
}

fn replay(target: &str, check: fn(&[u8])) {
    let entries = fs::read_dir(folder(target)).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(paths.len() >= 20, "{} inputs for {target}", paths.len());
    for path in paths {
        let input = fs::read(&path).unwrap();
        assert!(catch_unwind(|| check(&input)).is_ok(), "{}", path.display());
    }
}

#[test]
fn records_of_any_bytes_are_good_or_leave_no_trace() {
    replay("decoder", decoder::check);
}

#[test]
fn objects_of_any_bytes_are_a_checkpoint_or_an_error() {
    replay("checkpoint", checkpoint::check);
}

/// Writes the corpus's checkpoints in today's form. Files of earlier days stay beside them; they are readable as long
/// as the format is the same.
#[test]
#[ignore = "writes to the corpus"]
fn checkpoints_for_the_corpus() {
    seeds::write(&folder("checkpoint"));
}
