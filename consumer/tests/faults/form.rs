//! Defines how many records and faults a run has.

use std::env;
use std::time::Duration;

const FORM: &str = "CARDSTREAM_FAULTS";
const SEED: &str = "CARDSTREAM_SEED";

/// The numbers of a run.
pub struct Form {
    pub name: &'static str,
    /// The fewest records of a run. The producer goes on until the last fault is over.
    pub records: u64,
    /// How often each fault happens.
    pub faults: Faults,
    /// The shortest time for which ZooKeeper is away.
    pub without_zookeeper: Duration,
}

/// How often each fault happens. As many consumers join as go for good, so that a run ends with as many consumers as it
/// began with.
pub struct Faults {
    /// Consumers killed and started again at once.
    pub restarts: usize,
    /// Consumers killed for good: others of the group take over.
    pub takeovers: usize,
    /// Consumers stopped past their session's end, and then continued.
    pub zombies: usize,
    /// Consumers that are asked to end.
    pub leaves: usize,
    /// Brokers killed and started again.
    pub brokers: usize,
    /// Times for which ZooKeeper is killed or stopped.
    pub zookeepers: usize,
}

pub const SHORT: Form = Form {
    name: "short",
    records: 200_000,
    faults: Faults {
        restarts: 3,
        takeovers: 2,
        zombies: 1,
        leaves: 1,
        brokers: 2,
        zookeepers: 1,
    },
    without_zookeeper: Duration::from_secs(5),
};

pub const LONG: Form = Form {
    name: "long",
    records: 1_000_000,
    faults: Faults {
        restarts: 15,
        takeovers: 7,
        zombies: 3,
        leaves: 4,
        brokers: 7,
        zookeepers: 2,
    },
    without_zookeeper: Duration::from_secs(60),
};

impl Form {
    /// Returns the form that CARDSTREAM_FAULTS names.
    pub fn asked_for() -> Self {
        match env::var(FORM).as_deref() {
            Err(_) | Ok("" | "short") => SHORT,
            Ok("long") => LONG,
            Ok(other) => panic!("{FORM}={other}: use short or long"),
        }
    }
}

/// Returns CARDSTREAM_SEED, or a random seed if it is not set.
pub fn seed() -> u64 {
    match env::var(SEED) {
        Ok(text) if !text.is_empty() => match text.parse() {
            Ok(seed) => seed,
            Err(_) => panic!("{SEED}={text}: use a whole number"),
        },
        // The seed has 32 bits, so that it is short enough to be typed again.
        _ => rand::random::<u32>().into(),
    }
}
