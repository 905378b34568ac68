//! Causes each fault, and waits for what must follow it.

use std::time::{Duration, Instant};

use testkit::brokers::Brokers;

use crate::form::Form;
use crate::group::Group;
use crate::recovery::Recoveries;
use crate::schedule::{Dice, Step};

/// The kinds of faults, each with the event that ends the time it takes to recover.
pub const RESTARTS: &str = "consumers killed and started again, until the first batch";
const TAKEOVERS: &str = "consumers killed, until others read all partitions";
const ZOMBIES: &str = "consumers stopped, until others read all partitions";
const JOINS: &str = "consumers joined";
const LEAVES: &str = "consumers left";
const BROKERS: &str = "brokers killed, until all partitions are read";
const BROKERS_AND_CONSUMERS: &str = "brokers killed with a consumer, until all partitions are read";
const ZOOKEEPERS: &str = "times without ZooKeeper";

/// The state of a run of faults.
pub struct Run<'a, 'b> {
    brokers: &'a Brokers,
    without_zookeeper: Duration,
    group: &'a mut Group<'b>,
    dice: &'a mut Dice,
    recoveries: &'a mut Recoveries,
    last_fault: Instant,
    zookeeper_returns: Instant,
}

impl<'a, 'b> Run<'a, 'b> {
    pub fn new(
        brokers: &'a Brokers,
        form: &Form,
        group: &'a mut Group<'b>,
        dice: &'a mut Dice,
        recoveries: &'a mut Recoveries,
    ) -> Self {
        Self {
            brokers,
            without_zookeeper: form.without_zookeeper,
            group,
            dice,
            recoveries,
            last_fault: Instant::now(),
            zookeeper_returns: Instant::now(),
        }
    }

    /// Carries out a step.
    pub fn step(&mut self, step: Step) {
        match step {
            Step::Restart => self.restart(),
            Step::Takeover => self.take_over(),
            Step::Zombie => self.zombie(),
            Step::Join => self.join(),
            Step::Leave => self.leave(),
            Step::LoseBroker {
                broker,
                with_consumer,
            } => self.lose_broker(broker, with_consumer),
            Step::ReturnBroker(broker) => {
                self.group.note(format!("broker {broker} is started again"));
                self.brokers.cluster("start", broker);
            }
            Step::LoseZookeeper { killed } => self.lose_zookeeper(killed),
            Step::ReturnZookeeper { killed } => self.return_zookeeper(killed),
        }
    }

    /// Kills a consumer and starts it again. Does not wait for more: the next fault may come before the group has
    /// settled.
    fn restart(&mut self) {
        let victim = self.group.victim(self.dice, self.last_fault);
        self.kill_and_start(victim);
    }

    fn kill_and_start(&mut self, victim: usize) {
        let killed = self.fault();
        self.group.kill(victim);
        let next = self.group.start(self.group.processes[victim].workers);
        self.group.processes[next].replaces = Some(killed);
        let text = format!("consumer {victim} is killed, and started again as {next}");
        self.group.note(text);
        self.recoveries.came(RESTARTS);
    }

    fn take_over(&mut self) {
        self.group.await_all_begun();
        let victim = self.group.victim(self.dice, self.last_fault);
        let killed = self.fault();
        self.group.kill(victim);
        self.group.note(format!("consumer {victim} is killed"));
        self.come_through(TAKEOVERS, killed);
    }

    /// Stops a consumer until others read all partitions, which shows that its session is over, and then continues it.
    fn zombie(&mut self) {
        self.group.await_all_begun();
        let victim = self.group.victim(self.dice, self.last_fault);
        let stopped = self.fault();
        self.group.processes[victim].signal("STOP");
        self.group.note(format!("consumer {victim} is stopped"));
        self.come_through(ZOMBIES, stopped);
        self.group.note(format!("consumer {victim} goes on"));
        let goes_on = self.fault();
        self.group.processes[victim].signal("CONT");
        self.group.await_progress(victim, goes_on);
    }

    fn join(&mut self) {
        self.fault();
        let workers = self.dice.workers();
        let new = self.group.start(workers);
        let text = format!("consumer {new} joins, with WORKERS={workers}");
        self.group.note(text);
        self.recoveries.came(JOINS);
    }

    fn leave(&mut self) {
        let victim = self.group.victim(self.dice, self.last_fault);
        self.fault();
        self.group.note(format!("consumer {victim} leaves"));
        self.group.ask_to_end(victim);
        self.group.await_good_end(victim);
        self.recoveries.came(LEAVES);
    }

    fn lose_broker(&mut self, broker: u8, with_consumer: bool) {
        if !with_consumer {
            self.group.await_all_begun();
        }
        let victim = with_consumer.then(|| self.group.victim(self.dice, self.last_fault));
        let killed = self.fault();
        self.group.note(format!("broker {broker} is killed"));
        self.brokers.cluster("kill", broker);
        if let Some(victim) = victim {
            self.kill_and_start(victim);
        }
        let kind = if with_consumer {
            BROKERS_AND_CONSUMERS
        } else {
            BROKERS
        };
        self.come_through(kind, killed);
    }

    fn lose_zookeeper(&mut self, killed: bool) {
        let (command, how) = if killed {
            ("kill", "killed")
        } else {
            ("pause", "stopped")
        };
        self.fault();
        self.group.note(format!("ZooKeeper is {how}"));
        self.brokers.cluster(command, "zookeeper");
        self.recoveries.came(ZOOKEEPERS);
        self.zookeeper_returns = Instant::now() + self.without_zookeeper;
    }

    /// Checks that records are read without ZooKeeper, brings it back, and checks that they are read on.
    fn return_zookeeper(&mut self, killed: bool) {
        self.group.let_pass(self.zookeeper_returns);
        self.group.await_recovery();
        let command = if killed { "start" } else { "resume" };
        self.fault();
        self.brokers.cluster(command, "zookeeper");
        self.group.note("ZooKeeper is back");
        self.group.await_recovery();
    }

    /// Waits until all partitions are read beyond a fault that came at `since`, and notes how long it took.
    fn come_through(&mut self, kind: &'static str, since: Instant) {
        self.recoveries.came(kind);
        let took = self.group.await_recovery() - since;
        self.recoveries.took(kind, took);
        let text = format!("all partitions are read after {:.1} s", took.as_secs_f64());
        self.group.note(text);
    }

    /// Notes that a fault comes now: from now on, progress is progress after this fault.
    fn fault(&mut self) -> Instant {
        self.last_fault = Instant::now();
        self.last_fault
    }
}
