//! Runs the consumer and the producer on real brokers: three of them and their ZooKeeper, which are started for these
//! tests and stopped after them.
//!
//! Expected values never come from the consumer: the tests generate again what a seed publishes, and add its cents
//! themselves. No test waits a fixed time and hopes: every wait is for a fact, with a deadline.
//!
//! Without Java or Maven all tests are ignored, unless CARDSTREAM_REQUIRE_CLUSTER=1.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

mod appended_rows;
mod available_now;
mod bad_records;
mod batch_limit;
mod checkpoints;
mod damaged_log;
mod exact_totals;
mod first_totals;
mod lost_broker;
mod made_anew;
mod memory;
mod odd_timestamps;
mod open_transactions;
mod rebalance;
mod record_errors;
mod retention;
#[cfg(feature = "cloud")]
mod s3;
mod scale_out;
mod starting_offsets;
mod stuck_letters;
mod updates;
mod written_rows;

mod program;
mod results;
mod running;

use std::process::ExitCode;
use std::sync::{PoisonError, RwLock};

use libtest_mimic::{Arguments, Trial};
use testkit::brokers::{self, Brokers};

/// Held for writing while a test takes brokers away, and for reading by all other tests.
static DISTURBANCE: RwLock<()> = RwLock::new(());

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = [
        appended_rows::trials(),
        available_now::trials(),
        bad_records::trials(),
        batch_limit::trials(),
        checkpoints::trials(),
        damaged_log::trials(),
        exact_totals::trials(),
        first_totals::trials(),
        lost_broker::trials(),
        made_anew::trials(),
        memory::trials(),
        odd_timestamps::trials(),
        open_transactions::trials(),
        rebalance::trials(),
        record_errors::trials(),
        retention::trials(),
        scale_out::trials(),
        #[cfg(feature = "cloud")]
        s3::trials(),
        starting_offsets::trials(),
        stuck_letters::trials(),
        updates::trials(),
        written_rows::trials(),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    brokers::clean();
    conclusion.exit_code()
}

/// Makes a test that needs all brokers from its start to its end.
fn trial(name: &str, test: impl Fn(&Brokers) + Send + 'static) -> Trial {
    brokers::trial(name, move |brokers| {
        let _others = DISTURBANCE.read().unwrap_or_else(PoisonError::into_inner);
        test(brokers);
    })
}

/// Makes a test that takes brokers away. No other test runs at the same time.
fn disturbing_trial(name: &str, test: impl Fn(&Brokers) + Send + 'static) -> Trial {
    brokers::trial(name, move |brokers| {
        let _alone = DISTURBANCE.write().unwrap_or_else(PoisonError::into_inner);
        test(brokers);
    })
}
