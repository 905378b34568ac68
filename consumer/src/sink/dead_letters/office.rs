//! The thread that writes letters: sends them, hears what has become of them, and tells their origins.
//!
//! - Letters go on their way together; how many of an origin are settled is told once for all that are.
//! - Brokers refuse what is sent together as one. A letter is to blame only if it was sent alone, which those are that
//!   may be.
//! - While one of an origin's letters cannot be written its others wait behind it, and those of others go on.

use std::collections::HashSet;
use std::iter;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::client::{Client, Delivery};
use super::lane::Lane;
use super::letter::{Fate, Letter, Origin, Refusal};
use super::obstacle::Obstacle;
use super::{DeadLetterSettings, OnFailure};
use crate::event::Level;
use crate::position::TopicPartition;

/// Between two tries to write letters that could not be written.
const RETRY: Duration = Duration::from_secs(2);
/// Between two looks at what has been delivered.
const LOOK: Duration = Duration::from_millis(5);
/// The longest sleep while no letter is on its way.
const POLL: Duration = Duration::from_secs(1);

/// Why a letter is not on its way.
enum NotSent {
    /// Those that are on theirs make room when they are written.
    Full,
    /// librdkafka refuses it.
    Refused(Obstacle),
    /// The topic is not there, or nobody tells whether it is. To ask takes seconds.
    NoTopic(Obstacle),
}

/// An origin one of whose letters could not be written.
struct Stuck {
    origin: Arc<Origin>,
    /// The letter that could not be written.
    first: Arc<Letter>,
    /// Whether it is sent alone.
    alone: bool,
    /// When it is sent again; `None` while it is.
    retry_at: Option<Instant>,
    /// Its other letters, which wait.
    behind: Vec<Arc<Letter>>,
}

pub(super) struct Office {
    settings: DeadLetterSettings,
    tell: Box<dyn Fn(Level, String) + Send>,
    /// For letters that are sent together.
    together: Lane,
    /// For those of which each is sent by itself.
    alone: Lane,
    /// Whether the topic is there, as far as is known.
    has_topic: bool,
    stuck: Vec<Stuck>,
    /// Partitions whose letters are dropped.
    dropping: HashSet<TopicPartition>,
    /// How many letters are settled, and not told.
    settled: Vec<(Arc<Origin>, u64)>,
}

impl Office {
    pub(super) fn new(
        settings: DeadLetterSettings,
        tell: impl Fn(Level, String) + Send + 'static,
    ) -> Self {
        Self {
            settings,
            tell: Box::new(tell),
            together: Lane::new(false),
            alone: Lane::new(true),
            has_topic: false,
            stuck: Vec::new(),
            dropping: HashSet::new(),
            settled: Vec::new(),
        }
    }

    pub(super) fn run(&mut self, inbox: &Receiver<Vec<Letter>>) {
        loop {
            match inbox.recv_timeout(self.sleep()) {
                Ok(letters) => self.take(letters),
                Err(RecvTimeoutError::Timeout) => {}
                // All workers have ended; what they have not been told of is read again.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for letters in inbox.try_iter() {
                self.take(letters);
            }
            self.retry(Instant::now());
            for alone in [false, true] {
                self.write(alone);
            }
            self.settle();
        }
    }

    /// How long nothing is to be done, unless letters come.
    fn sleep(&self) -> Duration {
        if !self.together.is_idle() || !self.alone.is_idle() {
            return LOOK;
        }
        let retries = self.stuck.iter().filter_map(|stuck| stuck.retry_at);
        retries.min().map_or(POLL, |at| {
            at.saturating_duration_since(Instant::now()).min(POLL)
        })
    }

    fn take(&mut self, letters: Vec<Letter>) {
        for letter in letters {
            let letter = Arc::new(letter);
            match self.stuck_of(letter.origin()) {
                Some(index) => self.stuck[index].behind.push(letter),
                None => self.together.waiting.push_back(letter),
            }
        }
    }

    fn lane(&mut self, alone: bool) -> &mut Lane {
        match alone {
            true => &mut self.alone,
            false => &mut self.together,
        }
    }

    fn stuck_of(&self, origin: &Arc<Origin>) -> Option<usize> {
        let mut all = self.stuck.iter();
        all.position(|stuck| Arc::ptr_eq(&stuck.origin, origin))
    }

    /// Sends what could not be written once more, when it is time to. Where it was all the brokers that could not be
    /// reached, one letter of each origin finds out that they can.
    fn retry(&mut self, now: Instant) {
        self.stuck.retain(|stuck| !stuck.origin.is_over());
        for stuck in &mut self.stuck {
            if stuck.retry_at.is_some_and(|at| at <= now) {
                stuck.retry_at = None;
                let lane = match stuck.alone {
                    true => &mut self.alone,
                    false => &mut self.together,
                };
                lane.waiting.push_back(Arc::clone(&stuck.first));
            }
        }
    }

    fn write(&mut self, alone: bool) {
        while let Some(letter) = self.lane(alone).next() {
            if letter.origin().is_over() {
                continue;
            }
            match self.send(&letter, alone) {
                Ok(()) => self.lane(alone).sent(&letter),
                // Those in there make room when they are written.
                Err(NotSent::Full) => {
                    self.lane(alone).waiting.push_front(letter);
                    return;
                }
                Err(NotSent::Refused(obstacle)) => self.failed(letter, alone, obstacle),
                Err(NotSent::NoTopic(obstacle)) => {
                    let others = mem::take(&mut self.lane(alone).waiting);
                    for letter in iter::once(letter).chain(others) {
                        self.failed(letter, alone, obstacle.clone());
                    }
                }
            }
        }
    }

    /// Hands a letter to librdkafka.
    fn send(&mut self, letter: &Arc<Letter>, alone: bool) -> Result<(), NotSent> {
        let client = self.client(alone).map_err(NotSent::NoTopic)?;
        client.send(letter).map_err(|error| {
            let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            match is_full && client.has_some() {
                true => NotSent::Full,
                false => NotSent::Refused(Obstacle::of(&error)),
            }
        })
    }

    /// The client of a lane; with it the topic is there.
    fn client(&mut self, alone: bool) -> Result<&Client, Obstacle> {
        let lane = match alone {
            true => &mut self.alone,
            false => &mut self.together,
        };
        let client = lane.client(&self.settings)?;
        if !self.has_topic {
            client.need_topic(&self.settings.client)?;
            self.has_topic = true;
        }
        Ok(client)
    }

    /// Hears what has become of letters, and tells their origins.
    fn settle(&mut self) {
        for alone in [false, true] {
            for Delivery { letter, error } in self.lane(alone).settled() {
                match error {
                    None => self.written(&letter),
                    Some(error) => self.refused(letter, alone, &error),
                }
            }
        }
        for (origin, count) in mem::take(&mut self.settled) {
            origin.tell(Fate::Settled(count));
        }
    }

    fn count_settled(&mut self, origin: &Arc<Origin>) {
        let mut all = self.settled.iter_mut();
        match all.find(|(of, _)| Arc::ptr_eq(of, origin)) {
            Some((_, count)) => *count += 1,
            None => self.settled.push((Arc::clone(origin), 1)),
        }
    }

    fn written(&mut self, letter: &Arc<Letter>) {
        let origin = letter.origin();
        self.count_settled(origin);
        self.dropping.remove(origin.partition());
        let Some(index) = self.stuck_of(origin) else {
            return;
        };
        // One that was sent before the first failed says nothing of what comes now.
        if !Arc::ptr_eq(&self.stuck[index].first, letter) {
            return;
        }
        let stuck = self.stuck.swap_remove(index);
        self.together.waiting.extend(stuck.behind);
        let partition = origin.partition();
        let text = format!("dead letters of {partition} are written again");
        (self.tell)(Level::Info, text);
    }

    /// Brokers or librdkafka have refused it, perhaps for others that it was sent with.
    fn refused(&mut self, letter: Arc<Letter>, alone: bool, error: &KafkaError) {
        let obstacle = Obstacle::of(error);
        if obstacle.is_of_another() {
            self.lane(alone).waiting.push_back(letter);
        } else if obstacle.is_of_some() && !alone {
            self.alone.waiting.push_back(letter);
        } else {
            if obstacle.is_absence() {
                self.has_topic = false;
            }
            self.failed(letter, alone, obstacle);
        }
    }

    fn failed(&mut self, letter: Arc<Letter>, alone: bool, obstacle: Obstacle) {
        match self.settings.on_failure {
            OnFailure::Drop => self.drop_letter(&letter, &obstacle),
            OnFailure::Pause => self.keep(letter, alone, obstacle),
        }
    }

    fn drop_letter(&mut self, letter: &Arc<Letter>, obstacle: &Obstacle) {
        let (partition, topic) = (letter.origin().partition(), &self.settings.topic);
        if self.dropping.insert(partition.clone()) {
            let reason = &obstacle.reason;
            let text = format!(
                "dead letters of {partition} are dropped: {topic} cannot be written ({reason})"
            );
            (self.tell)(Level::Error, text);
        }
        self.count_settled(letter.origin());
    }

    fn keep(&mut self, letter: Arc<Letter>, alone: bool, obstacle: Obstacle) {
        let origin = letter.origin();
        let retry_at = Some(Instant::now() + RETRY);
        match self.stuck_of(origin) {
            Some(index) => {
                let stuck = &mut self.stuck[index];
                match Arc::ptr_eq(&stuck.first, &letter) {
                    true => (stuck.alone, stuck.retry_at) = (alone, retry_at),
                    false => stuck.behind.push(Arc::clone(&letter)),
                }
            }
            None => {
                self.say_waits(&letter, &obstacle);
                self.stuck.push(Stuck {
                    origin: Arc::clone(origin),
                    first: Arc::clone(&letter),
                    alone,
                    retry_at,
                    behind: Vec::new(),
                });
            }
        }
        origin.tell(match obstacle.mend {
            None => Fate::Stuck,
            Some(_) => Fate::Refused(Refusal {
                offset: letter.offset(),
                topic: self.settings.topic.clone(),
                bytes: letter.bytes(),
                obstacle,
            }),
        });
    }

    fn say_waits(&self, letter: &Letter, obstacle: &Obstacle) {
        let (partition, topic) = (letter.origin().partition(), &self.settings.topic);
        let Obstacle { reason, mend, .. } = obstacle;
        let mend = mend.map_or_else(String::new, |mend| format!("{mend}; "));
        let text = format!(
            "{partition} waits: its dead letters cannot be written to {topic} ({reason}); {mend}\
             DEAD_LETTER_TOPIC names another, ON_DEAD_LETTER_FAILURE=drop goes on without"
        );
        (self.tell)(Level::Error, text);
    }
}
