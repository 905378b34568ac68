//! Draws from a seed which faults happen in which order. The same seed gives the same order.

use libtest_mimic::Trial;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::form::{Faults, LONG, SHORT};

/// The number of consumers with which a run begins and ends.
pub const FIRST: usize = 2;
/// The most consumers that run at a time. With [`MOST_WORKERS`] each, every partition has a member and every member has
/// a partition.
const MOST: usize = 3;
const MOST_WORKERS: usize = 2;
const BROKERS: u8 = 3;

/// One step of a run: a fault, or its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A consumer is killed and started again at once.
    Restart,
    /// A consumer is killed, and others take over.
    Takeover,
    /// A consumer is stopped until others have taken over, and then continued.
    Zombie,
    Join,
    Leave,
    /// A broker is killed, perhaps together with a consumer.
    LoseBroker {
        broker: u8,
        with_consumer: bool,
    },
    ReturnBroker(u8),
    /// ZooKeeper is killed, or stopped so that it no longer answers.
    LoseZookeeper {
        killed: bool,
    },
    ReturnZookeeper {
        killed: bool,
    },
}

/// The source of all random choices in a run.
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Draws a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound)
    }

    /// Draws the value of WORKERS for a consumer.
    pub fn workers(&mut self) -> usize {
        1 + self.below(MOST_WORKERS)
    }

    fn coin(&mut self) -> bool {
        self.0.random()
    }
}

/// Draws all steps of a run. A broker that is killed, or ZooKeeper, returns after the next fault, so that faults
/// overlap. Only one broker or ZooKeeper is away at a time: records are not promised to survive more.
pub fn draw(faults: &Faults, dice: &mut Dice) -> Vec<Step> {
    // Each broker has its turn, since each is the controller, the group's coordinator or a leader at some time.
    let mut brokers: Vec<u8> = (1..=BROKERS).collect();
    brokers.shuffle(&mut dice.0);
    let of_brokers = brokers.iter().cycle().take(faults.brokers);
    let mut left: Vec<Step> = of_brokers
        .zip([true, false].into_iter().cycle())
        .map(|(&broker, with_consumer)| Step::LoseBroker {
            broker,
            with_consumer,
        })
        .collect();
    for _ in 0..faults.zookeepers {
        let killed = dice.coin();
        left.push(Step::LoseZookeeper { killed });
    }
    for (step, times) in [
        (Step::Restart, faults.restarts),
        (Step::Takeover, faults.takeovers),
        (Step::Zombie, faults.zombies),
        (Step::Leave, faults.leaves),
        (Step::Join, faults.takeovers + faults.leaves),
    ] {
        left.extend(std::iter::repeat_n(step, times));
    }
    let mut steps = Vec::new();
    let mut running = FIRST;
    let mut away = None;
    while !left.is_empty() {
        let possible: Vec<usize> = (0..left.len())
            .filter(|&at| can_come(left[at], running, away.is_some()))
            .collect();
        if possible.is_empty() {
            // The faults that are left need all brokers.
            steps.extend(away.take());
            continue;
        }
        let step = left.swap_remove(possible[dice.below(possible.len())]);
        steps.push(step);
        let returns = away.take();
        match step {
            Step::Join => running += 1,
            Step::Takeover | Step::Leave => running -= 1,
            Step::LoseBroker { broker, .. } => away = Some(Step::ReturnBroker(broker)),
            Step::LoseZookeeper { killed } => away = Some(Step::ReturnZookeeper { killed }),
            _ => {}
        }
        steps.extend(returns);
    }
    steps.extend(away);
    steps
}

/// Returns whether `step` can happen with `running` consumers, and a broker or ZooKeeper away or not.
fn can_come(step: Step, running: usize, is_away: bool) -> bool {
    match step {
        Step::Restart => true,
        // Another consumer must be there to take over.
        Step::Takeover | Step::Zombie | Step::Leave => running > 1,
        Step::Join => running < MOST,
        _ => !is_away,
    }
}

/// Makes the test of this file.
pub fn trial() -> Trial {
    Trial::test("a_seed_draws_the_same_faults_in_the_same_order", || {
        for form in [&SHORT, &LONG] {
            for seed in 0..100 {
                let steps = draw(&form.faults, &mut Dice::new(seed));
                assert_eq!(steps, draw(&form.faults, &mut Dice::new(seed)));
                assert_ne!(steps, draw(&form.faults, &mut Dice::new(seed + 1)));
                can_happen(&steps, &form.faults);
            }
        }
        Ok(())
    })
}

/// Checks that all faults are in `steps`, and that each can happen: another consumer takes over, and never is more than
/// one node away.
fn can_happen(steps: &[Step], faults: &Faults) {
    let mut running = FIRST;
    let mut away = 0;
    for step in steps {
        match step {
            Step::Restart => {}
            Step::Zombie => assert!(running > 1),
            Step::Takeover | Step::Leave => running -= 1,
            Step::Join => running += 1,
            Step::LoseBroker { .. } | Step::LoseZookeeper { .. } => away += 1,
            Step::ReturnBroker(_) | Step::ReturnZookeeper { .. } => away -= 1,
        }
        assert!((1..=MOST).contains(&running) && (0..=1).contains(&away));
    }
    assert_eq!((running, away), (FIRST, 0));
    let come = |of: fn(&Step) -> bool| steps.iter().filter(|step| of(step)).count();
    assert_eq!(come(|step| *step == Step::Restart), faults.restarts);
    assert_eq!(come(|step| *step == Step::Takeover), faults.takeovers);
    assert_eq!(come(|step| *step == Step::Zombie), faults.zombies);
    assert_eq!(come(|step| *step == Step::Leave), faults.leaves);
    let brokers = come(|step| matches!(step, Step::LoseBroker { .. }));
    assert_eq!(brokers, faults.brokers);
    let zookeepers = come(|step| matches!(step, Step::LoseZookeeper { .. }));
    assert_eq!(zookeepers, faults.zookeepers);
}
