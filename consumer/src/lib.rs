//! Keeps the result of one SQL query over Kafka topics up to date, micro-batch after micro-batch.
//!
//! ```text
//! source ▶ format ▶ partial aggregate ▶ state per partition ▶ result ▶ event ▶ status ▶ ui
//! ```

#![cfg_attr(test, allow(clippy::expect_used, clippy::panic, clippy::unwrap_used))]

pub mod checkpoint;
pub mod command;
pub mod config;
pub mod demo;
pub mod engine;
pub mod event;
pub mod format;
pub mod job_control;
pub mod meaning;
mod moment;
pub mod number;
pub mod output_mode;
pub mod position;
pub mod progress;
pub mod runtime;
pub mod schema;
pub mod sink;
pub mod source;
pub mod status;
pub mod time;
pub mod ui;
pub mod width;

/// The program of docs/library.md compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/library.md")]
struct LibraryPage;
