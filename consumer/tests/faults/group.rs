//! Holds all processes of the consumer group, and waits for facts about them.

use std::fmt::Display;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use testkit::DEADLINE;
use testkit::topic::ends;

use crate::process::{Place, Process, State, Told};
use crate::schedule::Dice;

/// All processes that were ever started. Processes that run at the same time are members of one group.
pub struct Group<'a> {
    place: &'a Place<'a>,
    /// The processes by their number, which is the order in which they were started.
    pub processes: Vec<Process>,
    /// For each partition, the furthest offset to which any process has read.
    newest: Vec<i64>,
    /// When the last batch was received.
    heard: Instant,
    tell: Sender<(usize, Told)>,
    told: Receiver<(usize, Told)>,
    began: Instant,
}

impl<'a> Group<'a> {
    pub fn new(place: &'a Place<'a>, partitions: i32) -> Self {
        let (tell, told) = unbounded();
        Self {
            place,
            processes: Vec::new(),
            newest: vec![0; partitions as usize],
            heard: Instant::now(),
            tell,
            told,
            began: Instant::now(),
        }
    }

    /// Prints what happens, and when.
    pub fn note(&self, what: impl Display) {
        eprintln!("{:7.1} s  {what}", self.began.elapsed().as_secs_f64());
    }

    /// Starts a process and returns its number.
    pub fn start(&mut self, workers: usize) -> usize {
        let number = self.processes.len();
        let process = Process::start(self.place, workers, number, &self.tell);
        self.processes.push(process);
        number
    }

    /// Returns the numbers of the processes that run.
    pub fn running(&self) -> Vec<usize> {
        let is_running = |number: &usize| self.processes[*number].state == State::Running;
        (0..self.processes.len()).filter(is_running).collect()
    }

    /// Draws one of the running processes, and waits until it has made progress since the last fault.
    pub fn victim(&mut self, dice: &mut Dice, last_fault: Instant) -> usize {
        let running = self.running();
        let victim = running[dice.below(running.len())];
        self.await_progress(victim, last_fault);
        victim
    }

    /// Kills the process with SIGKILL. When this returns, all that the process had written has been received.
    pub fn kill(&mut self, number: usize) {
        self.processes[number].state = State::Ending;
        self.processes[number].signal("KILL");
        self.await_end(number);
        assert!(self.processes[number].was_killed());
    }

    /// Asks the process to end, which it must do with success.
    pub fn ask_to_end(&mut self, number: usize) {
        self.processes[number].state = State::Ending;
        self.processes[number].signal("TERM");
    }

    /// Waits until a process that was asked to end has done so. Panics if it has failed.
    pub fn await_good_end(&mut self, number: usize) {
        self.await_end(number);
        let status = self.processes[number].status();
        assert!(status.success(), "{}", self.story(number));
        self.processes[number].state = State::EndedWell;
    }

    fn await_end(&mut self, number: usize) {
        self.until(&format!("consumer {number} ends"), |group| {
            group.processes[number].is_silent()
        });
    }

    /// Waits until the process has read records after `since`.
    pub fn await_progress(&mut self, number: usize, since: Instant) {
        self.until(&format!("consumer {number} makes progress"), |group| {
            group.processes[number].progress > Some(since)
        });
    }

    /// Waits until each running process has reported a batch.
    pub fn await_all_begun(&mut self) {
        self.until("all consumers have partitions", |group| {
            let mut running = group.running().into_iter();
            running.all(|number| group.processes[number].first_batch.is_some())
        });
    }

    /// Waits until every partition has been read beyond the end that its log has now, and returns when that was. The
    /// end of a partition without a leader cannot be asked for until it has one.
    pub fn await_recovery(&mut self) -> Instant {
        let ends = ends(self.place.brokers, self.place.topic);
        self.until(&format!("all is read beyond {ends:?}"), |group| {
            group.newest.iter().zip(&ends).all(|(read, end)| read > end)
        });
        self.heard
    }

    /// Waits until `count` records have been read.
    pub fn await_records(&mut self, count: u64) {
        self.until(&format!("{count} records are read"), |group| {
            group.newest.iter().sum::<i64>() >= count as i64
        });
    }

    /// Receives what the processes report until `until`.
    pub fn let_pass(&mut self, until: Instant) {
        while let Ok((number, told)) = self.told.recv_deadline(until) {
            self.hear(number, told);
        }
    }

    /// Returns for each partition the furthest offset to which the processes have read that have ended well.
    pub fn kept(&self) -> Vec<i64> {
        let well = |process: &&Process| process.state == State::EndedWell;
        let mut kept = vec![0; self.newest.len()];
        for process in self.processes.iter().filter(well) {
            for (kept, end) in kept.iter_mut().zip(&process.ends) {
                *kept = (*end).max(*kept);
            }
        }
        kept
    }

    /// Returns the times from each kill to the first batch of the process that was started in place of the killed one.
    pub fn restarts(&self) -> Vec<Duration> {
        let restarts = self.processes.iter().filter_map(|process| {
            let (killed, first) = process.replaces.zip(process.first_batch)?;
            Some(first - killed)
        });
        restarts.collect()
    }

    /// Receives reports until `shows` returns true. Panics after [`DEADLINE`] with the name of the fact.
    fn until(&mut self, fact: &str, shows: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !shows(self) {
            match self.told.recv_deadline(deadline) {
                Ok((number, told)) => self.hear(number, told),
                Err(_) => {
                    let stories = self.running().into_iter().map(|number| self.story(number));
                    let stories: Vec<String> = stories.collect();
                    let read = &self.newest;
                    panic!("not so: {fact}; read {read:?}\n{}", stories.join("\n"));
                }
            }
        }
    }

    fn hear(&mut self, number: usize, told: Told) {
        if let Told::Batch(batch) = &told {
            self.heard = batch.at;
            for (newest, end) in self.newest.iter_mut().zip(&batch.ends) {
                *newest = (*end).max(*newest);
            }
        }
        let process = &mut self.processes[number];
        process.hear(told);
        if process.is_silent() && process.state == State::Running {
            let status = process.status();
            panic!("it should run on: {status}, {}", self.story(number));
        }
    }

    fn story(&self, number: usize) -> String {
        let process = &self.processes[number];
        let (ends, said) = (&process.ends, process.said.join("\n    "));
        format!("consumer {number} at {ends:?} has said\n    {said}")
    }
}
