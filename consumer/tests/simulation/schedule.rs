//! A schedule: steps by chance, after which everything heals, is read to its end, and must have an exact result.

use std::collections::BTreeSet;
use std::time::Duration;

use consumer::position::TopicPartition;

use super::client::Rebalance;
use super::process::Checked;
use super::settings::Settings;
use super::trace::Trace;
use super::world::World;

/// A time longer than a member's letters wait for others.
const LONG: Duration = Duration::from_millis(200);
/// A number greater than the steps that a member makes before it sleeps.
const MANY: usize = 10_000;

/// The number of rounds without progress after which no progress will come.
const STILL: usize = 10;

/// Runs the schedule of a seed. Returns what has happened, and what is wrong with it.
pub fn run(seed: u64, settings: &Settings, prints: bool) -> (Trace, Checked) {
    let mut world = World::new(seed, settings, prints);
    let outcome = world.run();
    (world.trace, outcome)
}

impl World<'_> {
    fn run(&mut self) -> Checked {
        self.start_process()?;
        self.rebalance(0);
        for _ in 0..self.dice.between(30, 180) {
            self.any_step()?;
        }
        self.heal()?;
        self.read_all()?;
        self.check_end()
    }

    fn any_step(&mut self) -> Checked {
        self.pass_time(Duration::from_millis(60));
        let Some(index) = self.some_process() else {
            return self.start_process();
        };
        if self.weather.writes > 0 && self.dice.chance(self.weather.writes) {
            return self.write_rows(index, true);
        }
        let of_process = self.dice.below(self.processes[index].members.len());
        match self.dice.below(134) {
            0..70 => self.member_step(index, of_process)?,
            70..88 => {
                let is_late = self.dice.chance(30);
                self.drive(index, is_late)?;
            }
            88..93 => self.keep(index)?,
            93..100 => {
                let stuck = self.weather.stuck;
                self.write_letters(index, stuck);
            }
            100..105 => self.grow(),
            105..108 => self.rebalance(40),
            108 => self.lose(index, of_process, false),
            109 => self.lose(index, of_process, true),
            110 => self.learn(index),
            111 => self.learn(index),
            112 => {
                let left = self.dice.chance(60).then(|| 1 + self.dice.below(8));
                self.kill(index, left)?;
            }
            113..116 => {
                if self.processes.len() < self.weather.most_processes {
                    self.start_process()?;
                    self.rebalance(40);
                }
            }
            116 => {
                if self.topic.len() < 4 {
                    let added = self.topic.add_partition(&mut self.dice);
                    self.trace.note("added", &added.to_string());
                }
            }
            117 => {
                let partition = self.some_partition();
                self.processes[index].follow(&partition, &self.topic)?;
            }
            118 => {
                if let Some(client) = self.processes[index].members[of_process].client() {
                    client.lose_connection();
                    self.trace.note("connection lost", "");
                }
            }
            119 => self.break_client(index, of_process),
            120 => self.rebalance(60),
            121..125 => self.cut_off(index),
            _ => self.whole_batch(index)?,
        }
        Ok(())
    }

    fn some_process(&mut self) -> Option<usize> {
        let processes = self.processes.len();
        (processes > 0).then(|| self.dice.below(processes))
    }

    fn some_partition(&mut self) -> TopicPartition {
        let partitions = self.topic.partitions();
        partitions[self.dice.below(partitions.len())].clone()
    }

    fn grow(&mut self) {
        let partition = self.some_partition();
        let records = 1 + self.dice.below(12);
        self.topic.grow(&partition, records, &mut self.dice);
        let end = self.topic.log(&partition).end();
        self.trace.note("grows", &format!("{partition} to {end}"));
    }

    /// Makes the group lose a member, or its whole process, which does not know it.
    fn lose(&mut self, index: usize, number: usize, all: bool) {
        let process = &mut self.processes[index];
        let numbers = if all {
            0..process.members.len()
        } else {
            number..number + 1
        };
        for number in numbers {
            let member = (process.serial, number);
            if self.group.has(member) {
                self.group.drop_member(member);
                let zombie = format!("worker {}.{number}", process.serial);
                self.trace.note("zombie:", &zombie);
            }
        }
        if self.dice.chance(70) {
            self.rebalance(0);
        }
    }

    /// Cuts a process off from the store, or connects it again.
    fn cut_off(&mut self, index: usize) {
        let usual = self.weather.trouble;
        let process = &self.processes[index];
        let mut trouble = process.trouble.lock().unwrap();
        trouble.percent = if trouble.percent == 100 { usual } else { 100 };
        let what = format!("process {}: {} %", process.serial, trouble.percent);
        drop(trouble);
        self.trace.note("store fails", &what);
    }

    /// Lets a process's members learn that the group has lost them.
    fn learn(&mut self, index: usize) {
        let process = &self.processes[index];
        for (number, member) in process.members.iter().enumerate() {
            if let Some(client) = member.client()
                && !self.group.has((process.serial, number))
                && !client.is_told_of_loss()
            {
                client.tell(Rebalance::Lost);
            }
        }
    }

    /// Breaks a member's client, or stops it at a partition.
    fn break_client(&mut self, index: usize, number: usize) {
        let process = &self.processes[index];
        let Some(client) = process.members[number].client() else {
            return;
        };
        match self.dice.chance(50) {
            true => client.break_down(),
            false => client.stop(),
        }
        let who = format!("worker {}.{number}", process.serial);
        self.trace.note("client breaks", &who);
    }

    /// Makes the next step of a member's thread, or of its client.
    fn member_step(&mut self, index: usize, number: usize) -> Checked {
        let member = &self.processes[index].members[number];
        match member.client() {
            None if self.dice.chance(30) => self.join(index, number)?,
            None => {}
            Some(client) => match self.dice.below(10) {
                0..2 => client.hear(),
                2..7 => {
                    let fetchable = client.fetchable(&self.topic);
                    if let Some(partition) = self.dice.pick(&fetchable) {
                        let records = 1 + self.dice.below(8);
                        self.fetch(index, number, &partition, records);
                    }
                }
                _ => {}
            },
        }
        for _ in 0..1 + self.dice.below(10) {
            self.step(index, number)?;
        }
        Ok(())
    }

    fn fetch(&mut self, index: usize, number: usize, partition: &TopicPartition, records: usize) {
        let process = &self.processes[index];
        if let Some(client) = process.members[number].client() {
            let serial = process.serial;
            let what = format!("worker {serial}.{number}: {records} of {partition}");
            self.trace.note("fetches", &what);
            client.fetch(partition, records, &self.topic);
        }
    }

    /// Steps a member until it sleeps.
    fn step_until_asleep(&mut self, index: usize, number: usize) -> Checked {
        for _ in 0..MANY {
            if self.step(index, number)? {
                return Ok(());
            }
            if self.processes[index].members[number].client().is_none() {
                self.join(index, number)?;
            }
        }
        Err(format!("worker {index}.{number} never sleeps"))
    }

    /// Ends all faults, and lets nothing new come.
    fn heal(&mut self) -> Checked {
        self.trace.note("heals", "");
        self.weather.trouble = 0;
        self.weather.lies = false;
        self.topic.complete(&mut self.dice);
        for index in 0..self.processes.len() {
            let mut trouble = self.processes[index].trouble.lock().unwrap();
            trouble.percent = 0;
            trouble.lies = false;
            drop(trouble);
            self.learn(index);
        }
        // A process whose output has died is started anew.
        while let Some(index) = self.processes.iter().position(|one| one.output.is_dead()) {
            self.kill(index, None)?;
        }
        if self.processes.is_empty() {
            self.start_process()?;
        }
        Ok(())
    }

    /// Lets all processes do everything they can until all is read and stored.
    fn read_all(&mut self) -> Checked {
        let mut before = None;
        let mut still = 0;
        while still < STILL {
            self.rebalance(0);
            for index in 0..self.processes.len() {
                self.round(index)?;
            }
            if self.is_all_read() {
                return Ok(());
            }
            let positions = Some(self.positions());
            still = if positions == before { still + 1 } else { 0 };
            before = positions;
        }
        Err(format!(
            "it does not come to its end, but stays at {:?}",
            before.unwrap_or_default()
        ))
    }

    /// Returns the position of each partition in each process.
    fn positions(&self) -> Vec<(u64, String, i64)> {
        let mut positions = Vec::new();
        for process in &self.processes {
            for (partition, _) in self.topic.logs() {
                let at = process.position(partition).unwrap_or_default();
                positions.push((process.serial, partition.to_string(), at.0));
            }
        }
        positions
    }

    /// Runs a batch that nothing interrupts, except for faults of the store.
    fn whole_batch(&mut self, index: usize) -> Checked {
        let records = 1 + self.dice.below(6);
        let stuck = self.weather.stuck;
        self.batch(index, records, stuck)?;
        let left = 1 + self.dice.below(6);
        match self.dice.below(5) {
            0 => Ok(()),
            1 => self.kill(index, Some(left)),
            _ => self.keep(index),
        }
    }

    fn round(&mut self, index: usize) -> Checked {
        self.batch(index, usize::MAX, 0)?;
        self.write_all_rows(index)?;
        self.keep(index)
    }

    /// Lets members read `records` records of each partition. Then the letters are written, except for `stuck` in a
    /// hundred, and everything is handed over.
    fn batch(&mut self, index: usize, records: usize, stuck: usize) -> Checked {
        self.members_work(index, records)?;
        for _ in 0..self.processes[index].letters.len() {
            self.write_letters(index, stuck);
        }
        for _ in 0..6 {
            self.drive(index, true)?;
            self.members_work(index, records)?;
            if self.processes[index].is_idle() {
                break;
            }
        }
        Ok(())
    }

    /// Lets members do all they can with `records` records of each partition.
    fn members_work(&mut self, index: usize, records: usize) -> Checked {
        for number in 0..self.processes[index].members.len() {
            let mut fetched = BTreeSet::new();
            loop {
                self.step_until_asleep(index, number)?;
                let Some(client) = self.processes[index].members[number].client() else {
                    continue;
                };
                if client.hear_all() {
                    continue;
                }
                let mut fetchable = client.fetchable(&self.topic).into_iter();
                let Some(partition) = fetchable.find(|of| fetched.insert(of.clone())) else {
                    break;
                };
                self.fetch(index, number, &partition, records);
            }
            // After this time the letters have waited for long.
            self.now += LONG;
            self.step_until_asleep(index, number)?;
        }
        Ok(())
    }

    fn is_all_read(&self) -> bool {
        let all_kept = self
            .processes
            .iter()
            .all(|process| !process.has_unwritten() && !process.output.is_waiting());
        all_kept
            && self.topic.logs().all(|(partition, log)| {
                let owner = self.group.owner(partition);
                let owner = owner.and_then(|(serial, _)| {
                    let mut processes = self.processes.iter();
                    processes.find(|process| process.serial == serial)
                });
                let at = owner.and_then(|owner| owner.position(partition));
                log.is_whole() && at == Some(log.end())
            })
    }

    /// Checks that each process, and a new one that knows only what is stored, has each record once.
    fn check_end(&mut self) -> Checked {
        let partitions = self.topic.partitions();
        self.check_letters()?;
        self.check_all_kept()?;
        let follower = self.dice.below(self.processes.len());
        for partition in &partitions {
            self.processes[follower].follow(partition, &self.topic)?;
        }
        self.check_whole(follower)?;
        while !self.processes.is_empty() {
            self.kill(0, None)?;
        }
        self.start_process()?;
        self.read_all()?;
        self.check_whole(0)
    }

    /// Checks the result of a process that knows all partitions to their ends.
    fn check_whole(&self, index: usize) -> Checked {
        let process = &self.processes[index];
        for (partition, log) in self.topic.logs() {
            if process.position(partition).unwrap_or_default() != log.end() && !self.has_lied() {
                return Err(format!("{partition} is not known to its end"));
            }
        }
        for (partition, log) in self.topic.logs() {
            if self.settings.query.appends() {
                self.written.check(partition, log.end(), &self.topic)?;
            }
        }
        process.check_result(&self.topic.partitions(), &self.topic)
    }
}
