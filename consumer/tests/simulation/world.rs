//! Everything that takes part in a schedule, and what must hold after each of its steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use consumer::checkpoint::chain;
use consumer::checkpoint::name::Folder;
use consumer::checkpoint::store::Store;
use consumer::position::{Offset, TopicPartition};
use consumer::sink::dead_letters::Fate;
use object_store::memory::InMemory;

use super::client::Rebalance;
use super::dice::Dice;
use super::group::{Group, MemberId, Told};
use super::member::Stepped;
use super::objects::Trouble;
use super::output::Written;
use super::process::{Checked, DrawnProcess, Process, store};
use super::settings::{Sabotage, Settings};
use super::topic::Topic;
use super::totals::Totals;
use super::trace::Trace;

/// The settings of one whole schedule.
#[derive(Debug)]
pub struct Weather {
    /// How many requests to the store go wrong, in a hundred.
    pub trouble: usize,
    /// Whether the store confirms writes that it has not stored.
    pub lies: bool,
    /// How many dead letters get stuck, in a hundred.
    pub stuck: usize,
    pub most_processes: usize,
    /// The most records of a batch, if batches are limited.
    pub allowed: Option<u64>,
    /// At how many steps, in a hundred, the output of a process writes a batch. It is 0 for a query with an aggregate,
    /// whose results need not be written.
    pub writes: usize,
    /// With how many batches, in a hundred, the output dies.
    pub output_dies: usize,
}

impl Weather {
    fn new(dice: &mut Dice, appends: bool) -> Self {
        let (writes, output_dies) = match appends {
            true => ([4, 15, 40][dice.below(3)], [0, 10, 40][dice.below(3)]),
            false => (0, 0),
        };
        Self {
            writes,
            output_dies,
            trouble: [0, 2, 10][dice.below(3)],
            lies: dice.chance(20),
            stuck: [0, 20, 80][dice.below(3)],
            most_processes: 1 + dice.below(3),
            allowed: dice.chance(40).then(|| 3 + dice.below(12) as u64),
        }
    }
}

pub struct World<'a> {
    pub settings: &'a Settings,
    pub dice: Dice,
    pub weather: Weather,
    pub topic: Topic,
    objects: Arc<InMemory>,
    /// The store without any faults.
    store: Store,
    pub group: Group,
    pub processes: Vec<Process>,
    started: u64,
    /// The dead letters that are in their topic.
    letters: BTreeSet<(TopicPartition, i64)>,
    /// The rows that are written, if the query has no aggregate.
    pub written: Written,
    /// The offset up to which each partition was reported as durable.
    durable: BTreeMap<TopicPartition, Offset>,
    /// Whether the store has lied: then nothing that it said is certain.
    lied: bool,
    /// The time of all clocks. Only differences of it have a meaning.
    pub now: Instant,
    pub trace: Trace,
}

impl<'a> World<'a> {
    pub fn new(seed: u64, settings: &'a Settings, prints: bool) -> Self {
        let mut dice = Dice::new(seed);
        let objects = Arc::new(InMemory::new());
        let calm = Arc::new(Mutex::new(Trouble::new(dice.split(), 0, false)));
        let mut topic = Topic::default();
        for _ in 0..1 + dice.below(3) {
            topic.add_partition(&mut dice);
        }
        let mut world = Self {
            settings,
            weather: Weather::new(&mut dice, settings.query.appends()),
            topic,
            store: store(&objects, &calm),
            objects,
            group: Group::default(),
            processes: Vec::new(),
            started: 0,
            letters: BTreeSet::new(),
            written: Written::default(),
            durable: BTreeMap::new(),
            lied: false,
            now: Instant::now(),
            trace: Trace::new(prints),
            dice,
        };
        let weather = format!("{:?}", world.weather);
        world.trace.note("weather:", &weather);
        world
    }

    /// Starts a process, if the store lets it, and lets it join the group.
    pub fn start_process(&mut self) -> Checked {
        let workers = 1 + self.dice.below(3);
        let trouble = Trouble::new(self.dice.split(), self.weather.trouble, self.weather.lies);
        self.started += 1;
        let drawn = DrawnProcess {
            serial: self.started,
            workers,
            dice: self.dice.split(),
            allowed: self.weather.allowed,
        };
        let process = Process::start(
            drawn,
            self.settings,
            &self.objects,
            Arc::new(Mutex::new(trouble)),
            &self.topic,
        )?;
        let serial = self.started;
        let Some(process) = process else {
            self.trace
                .note("cannot start", &format!("process {serial}"));
            return Ok(());
        };
        self.trace.note(
            "starts",
            &format!("process {serial} with {workers} workers"),
        );
        for (partition, durable) in &self.durable {
            let found = process.position(partition);
            if !self.lied && found < Some(*durable) {
                return Err(format!(
                    "process {serial} starts {partition} at {found:?}, durable was {durable}"
                ));
            }
        }
        self.processes.push(process);
        for number in 0..workers {
            self.join(self.processes.len() - 1, number)?;
        }
        Ok(())
    }

    /// Lets a member join the group with a new client.
    pub fn join(&mut self, index: usize, number: usize) -> Checked {
        let process = &mut self.processes[index];
        process.members[number].join()?;
        self.group.join((process.serial, number));
        Ok(())
    }

    /// Kills a process, perhaps while it writes: everything in its memory is lost.
    pub fn kill(&mut self, index: usize, left: Option<usize>) -> Checked {
        if let Some(left) = left {
            self.processes[index].trouble.lock().unwrap().left = Some(left);
            self.keep(index)?;
        }
        let process = self.processes.remove(index);
        let serial = process.serial;
        self.trace.note("killed", &format!("process {serial}"));
        for number in 0..process.members.len() {
            self.group.drop_member((serial, number));
        }
        Ok(())
    }

    /// Sends the group's messages to members.
    pub fn tell(&mut self, told: Told) {
        for ((serial, number), rebalance) in told {
            let told = format!("worker {serial}.{number} {rebalance:?}");
            self.trace.note("group tells", &told);
            let process = self
                .processes
                .iter_mut()
                .find(|process| process.serial == serial);
            if let Some(process) = process {
                process.tell(number, rebalance);
            }
        }
    }

    pub fn rebalance(&mut self, moves: usize) {
        let partitions = self.topic.partitions();
        let told = self.group.rebalance(&partitions, moves, &mut self.dice);
        self.tell(told);
    }

    /// Makes the next step of a member's loop. Returns whether the member sleeps after it.
    pub fn step(&mut self, index: usize, number: usize) -> Checked<bool> {
        let process = &mut self.processes[index];
        let id: MemberId = (process.serial, number);
        let who = format!("worker {}.{number}", id.0);
        let Stepped { done, sleeps, left } = process.step(number, self.now, &self.topic)?;
        for rebalance in done.rebalances {
            self.trace.note("serves", &format!("{who}: {rebalance:?}"));
            match rebalance {
                Rebalance::Assign(_) => {}
                Rebalance::Revoke(partitions) => {
                    let told = self.group.gave_up(id, &partitions);
                    self.tell(told);
                }
                Rebalance::Lost => self.group.join(id),
            }
        }
        for (partition, next) in done.committed {
            let durable = self.durable.get(&partition).copied();
            if durable < Some(next) {
                return Err(format!(
                    "{who} commits {partition} at {next}, durable is {durable:?}"
                ));
            }
            self.trace
                .note("commits", &format!("{who}: {partition} {next}"));
        }
        if let Some(reason) = left {
            self.trace.note("leaves", &format!("{who}: {reason}"));
            self.group.drop_member(id);
        }
        Ok(sleeps)
    }

    /// Lets some time pass, at most `most`.
    pub fn pass_time(&mut self, most: Duration) {
        let most = i64::try_from(most.as_millis()).unwrap();
        self.now += Duration::from_millis(self.dice.between(0, most) as u64);
    }

    /// Makes the next step of a process's batch.
    pub fn drive(&mut self, index: usize, is_late: bool) -> Checked {
        let process = &mut self.processes[index];
        let Some(handed) = process.drive(is_late) else {
            return Ok(());
        };
        let from = handed.len();
        let advanced = process.advance(handed, &self.topic)?;
        let to: Vec<_> = advanced
            .iter()
            .map(|part| format!("{} to {}", part.partition, part.end))
            .collect();
        let what = format!("process {} by {to:?} of {from}", process.serial);
        self.trace.note("batch", &what);
        if advanced.len() < from {
            self.trace.note("dropped", "what a lost worker handed over");
        }
        for part in &advanced {
            let log = self.topic.log(&part.partition);
            for record in log.between(part.start, part.end) {
                let place = (part.partition.clone(), record.offset);
                if record.is_bad() && !self.letters.contains(&place) {
                    return Err(format!("{place:?} is in a batch before its dead letter"));
                }
            }
        }
        if self.dice.chance(10) {
            let partitions = self.topic.partitions();
            self.processes[index].check_result(&partitions, &self.topic)?;
        }
        Ok(())
    }

    /// Does the work of a process's thread that writes checkpoints.
    pub fn keep(&mut self, index: usize) -> Checked {
        let process = &mut self.processes[index];
        let durable = process.keep();
        let serial = process.serial;
        let trouble = process.trouble.lock().unwrap();
        self.lied |= trouble.has_lied;
        let retired = trouble.deleted;
        drop(trouble);
        if retired > 0 {
            self.trace
                .note("retired", &format!("{retired} by process {serial} so far"));
        }
        for (partition, next) in durable {
            let owner = self.group.owner(&partition);
            let is_late = owner.is_none_or(|(owner, _)| owner != serial);
            let how = if is_late { "writes late" } else { "writes" };
            self.trace
                .note(how, &format!("process {serial}: {partition} to {next}"));
            let before = self.durable.entry(partition.clone()).or_default();
            *before = next.max(*before);
            self.check_kept(&partition)?;
        }
        if self.processes[index].has_unwritten() {
            // Some checkpoints may have been written in part.
            self.check_all_kept()?;
        }
        Ok(())
    }

    /// Checks that what can be recovered of a partition is what its records make, and no older than what was reported
    /// as durable.
    fn check_kept(&mut self, partition: &TopicPartition) -> Checked {
        let folder = Folder {
            fingerprint: self
                .settings
                .identity
                .fingerprint()
                .map_err(|e| e.to_string())?,
            partition: partition.clone(),
        };
        let recovered = chain::recover(&self.store, &folder).map_err(|error| error.to_string())?;
        let problems = recovered.problems;
        let (next, totals) = match recovered.newest {
            None => (Offset(0), Totals::default()),
            Some(newest) => {
                let deltas = newest.tip.deltas;
                let chain = if deltas == 0 {
                    "found base"
                } else {
                    "found deltas"
                };
                self.trace.note(chain, &format!("{deltas} of {partition}"));
                (newest.tip.next(), Totals::of_state(newest.batches))
            }
        };
        if !problems.is_empty() {
            self.trace.note("passed over", &format!("{problems:?}"));
        }
        let log = self.topic.log(partition);
        let appends = self.settings.query.appends();
        let expected = match appends {
            true => Totals::default(),
            false => log.totals(next),
        };
        if appends {
            self.written.check(partition, next, &self.topic)?;
        }
        if totals != expected || next > log.end() {
            return Err(format!(
                "kept of {partition} at {next} is {totals:?}, its records make {expected:?}"
            ));
        }
        let durable = self.durable.get(partition).copied().unwrap_or_default();
        if !self.lied && next < durable {
            return Err(format!(
                "{partition} was durable to {durable}, and is recovered to {next}: {problems:?}"
            ));
        }
        Ok(())
    }

    pub fn check_all_kept(&mut self) -> Checked {
        let partitions = self.topic.partitions();
        partitions.iter().try_for_each(|of| self.check_kept(of))
    }

    /// Writes some of a process's dead letters, or finds them stuck. Letters of a partition that its member has lost
    /// need not be written.
    pub fn write_letters(&mut self, index: usize, stuck: usize) {
        let process = &mut self.processes[index];
        let taken = process.take_letters(&mut self.dice);
        let Some(first) = taken.first() else {
            return;
        };
        let origin = Arc::clone(first.origin());
        let partition = origin.partition();
        let offsets: Vec<_> = taken.iter().map(|letter| letter.offset().0).collect();
        let what = format!("{partition} {offsets:?}");
        if origin.is_over() && self.dice.chance(50) {
            self.trace.note("letters of nobody", &what);
        } else if self.dice.chance(stuck) {
            self.trace.note("letters stuck", &what);
            process.letters.extend(taken);
            origin.tell(Fate::Stuck);
        } else {
            self.trace.note("letters written", &what);
            if self.settings.sabotage != Some(Sabotage::LetterLost) {
                let places = offsets.iter().map(|offset| (partition.clone(), *offset));
                self.letters.extend(places);
            }
            origin.tell(Fate::Settled(offsets.len() as u64));
        }
    }

    pub fn has_lied(&self) -> bool {
        self.lied
    }

    /// Checks that all bad records are in the dead-letter topic.
    pub fn check_letters(&self) -> Checked {
        for (partition, log) in self.topic.logs() {
            for record in log.between(Offset(0), log.end()) {
                let place = (partition.clone(), record.offset);
                if record.is_bad() && !self.letters.contains(&place) {
                    return Err(format!("no dead letter of {place:?}"));
                }
            }
        }
        Ok(())
    }
}
