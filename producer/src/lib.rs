//! Writes believable card transactions into a Kafka topic.
//!
//! The transactions come in endless random bursts, as a shop's terminals make them, or as a load at a given rate. With
//! a seed the records are the same to the byte every time. Other programs and tests can call what the program itself
//! calls:
//!
//! - [`Generator`] makes records, without Kafka;
//! - [`run`] publishes records on the caller's thread until it is done or a [`Stop`](kafka_access::Stop) ends it.
//!
//! The crate [`kafka_access`] reads the settings for Kafka and reaches the brokers.
//!
//! Data flows one way: `dice` → `places`, `cards`, `merchants`, `transaction` → `prepared`, `damage`,
//! `bursts` → `generator` → `batch` → `enqueue` → `publisher` → `run`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod batch;
mod bursts;
mod cards;
pub mod cli;
mod damage;
mod dice;
mod enqueue;
mod event;
mod generator;
mod merchants;
mod pace;
mod places;
mod prepared;
mod publisher;
mod run;
mod settings;
mod transaction;
mod watch;

pub use bursts::{Bursts, MAX_BURST, MAX_PAUSE};
pub use cards::Brand;
pub use damage::Damage;
pub use dice::Ratio;
pub use event::{Event, Progress};
pub use generator::{Generator, GeneratorSettings, Record};
pub use pace::Pace;
pub use run::{Error, FLUSH_WITHIN, Report, run};
pub use settings::Settings;
pub use transaction::{Cents, Channel, Status, Transaction};
