//! Makes the linker write the program's relocations in their short form (RELR). The program is then 5 MB smaller on the
//! disk and in memory.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if writes_relr() && reads_relr() {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Returns whether the linker is the one that comes with Rust for this target, which can write them. Other linkers may
/// not.
fn writes_relr() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set == value);
    let is_set = |name: &str| env::var(name).is_ok_and(|set| !set.is_empty());
    is("TARGET", "x86_64-unknown-linux-gnu")
        && !is_set("RUSTC_LINKER")
        && !is_set("CARGO_ENCODED_RUSTFLAGS")
}

/// Returns whether the C library can read them: glibc can from 2.36 on.
fn reads_relr() -> bool {
    let is_native = env::var("HOST").ok() == env::var("TARGET").ok();
    is_native && glibc_version().is_some_and(|version| version >= (2, 36))
}

fn glibc_version() -> Option<(u32, u32)> {
    let output = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
