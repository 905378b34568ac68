//! Holds what each program of Cardstream needs to reach Kafka, and to tell its user what is wrong.
//!
//! - [`kafka`] turns what users write about Kafka into a client's configuration;
//! - [`topic`] asks whether brokers answer, and creates a topic that is missing;
//! - [`SettingsError`] and [`usage`] say in one line which setting is wrong and how to mend it;
//! - [`secret`] hides what may be a secret wherever a text is shown, and [`escape`] prevents a text from steering a
//!   terminal;
//! - [`Stop`] is a request to stop, which many threads can see.
//!
//! Nothing in this crate knows what a program does with its records.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod escape;
pub mod kafka;
pub mod secret;
mod settings_error;
mod stop;
pub mod topic;
pub mod usage;

pub use kafka::KafkaSettings;
pub use settings_error::SettingsError;
pub use stop::Stop;
pub use topic::TopicSettings;
