//! What is to be seen of a query: its events, folded into snapshots of raw values.
//!
//! ```text
//! events ──▶ updater ──▶ snapshot ──▶ a viewer: the terminal, a web page, metrics
//! ```
//!
//! A [`snapshot`] has what each viewer needs and what none of them would want otherwise: values of the result are Arrow
//! arrays, counters only grow, times are points in time, and texts are as they came, which may be hostile. So each viewer
//! escapes, formats, sorts and cuts for itself, and nothing here knows who looks.

pub mod behind;
pub mod changes;
mod history;
pub mod numbers;
pub mod result;
pub mod snapshot;
pub mod updater;
