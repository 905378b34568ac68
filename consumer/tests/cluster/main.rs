//! The consumer and the producer on real brokers: three of them and their ZooKeeper, started for these
//! tests and gone after them.
//!
//! Expected values never come from the consumer: what a seed publishes is generated again here, and its
//! cents are added by hand. Nothing waits for luck: every wait is for a fact, with a deadline.
//!
//! Without Java or Maven all is ignored, unless CARDSTREAM_REQUIRE_CLUSTER=1.

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
mod brokers;
mod checkpoints;
mod exact_totals;
mod expected;
mod first_totals;
mod lost_broker;
mod published;
mod rebalance;
mod running;
mod starting_offsets;
mod stuck_letters;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::brokers::{Brokers, Presence};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = [
        appended_rows::trials(),
        available_now::trials(),
        bad_records::trials(),
        batch_limit::trials(),
        checkpoints::trials(),
        exact_totals::trials(),
        first_totals::trials(),
        lost_broker::trials(),
        rebalance::trials(),
        starting_offsets::trials(),
        stuck_letters::trials(),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    brokers::clean();
    conclusion.exit_code()
}

/// A test that needs all brokers to be there from its start to its end.
fn trial(name: &str, test: impl Fn(&Brokers) + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        run(|brokers| {
            let _others = brokers.undisturbed();
            test(brokers);
        })
    })
}

/// A test that takes brokers away, and has them for itself.
fn disturbing_trial(name: &str, test: impl Fn(&Brokers) + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || {
        run(|brokers| {
            let _alone = brokers.alone();
            test(brokers);
        })
    })
}

fn run(test: impl Fn(&Brokers)) -> Result<Completion, Failed> {
    match brokers::presence() {
        Presence::Here(brokers) => {
            test(brokers);
            Ok(Completion::Completed)
        }
        Presence::Lacks(reason) => Ok(Completion::ignored_with(reason)),
        Presence::Failed(reason) => Err(reason.into()),
    }
}
