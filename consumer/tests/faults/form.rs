//! How much of everything a run has.

use std::env;
use std::time::Duration;

const FORM: &str = "CARDSTREAM_FAULTS";
const SEED: &str = "CARDSTREAM_SEED";

/// The numbers of a run.
pub struct Form {
    pub name: &'static str,
    /// At least so many records; the producer goes on until the last fault is over.
    pub records: u64,
    /// How many of each fault.
    pub faults: Faults,
    /// How long ZooKeeper is away, at least.
    pub without_zookeeper: Duration,
}

/// How often something happens. As many consumers join as go for good, so that a run ends with as many as
/// it began with.
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
    /// The one that CARDSTREAM_FAULTS names.
    pub fn asked_for() -> Self {
        match env::var(FORM).as_deref() {
            Err(_) | Ok("" | "short") => SHORT,
            Ok("long") => LONG,
            Ok(other) => panic!("{FORM}={other}: use short or long"),
        }
    }
}

/// CARDSTREAM_SEED, or a new one.
pub fn seed() -> u64 {
    match env::var(SEED) {
        Ok(text) if !text.is_empty() => match text.parse() {
            Ok(seed) => seed,
            Err(_) => panic!("{SEED}={text}: use a whole number"),
        },
        // Short enough to be typed again.
        _ => rand::random::<u32>().into(),
    }
}
