//! The thread that writes letters: it sends them, hears what has become of them, and tells their origins.
//!
//! - Letters are sent together. An origin is told once how many of its letters are settled, for all that are.
//! - Brokers refuse as a whole what is sent together. So a letter that may be at fault is sent again alone, and only a
//!   letter that was sent alone is held at fault.
//! - While a letter cannot be written, the other letters of its origin wait behind it. Letters of other origins go on.

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

/// How long a letter that could not be written waits before it is sent again.
const RETRY: Duration = Duration::from_secs(2);
/// How long to sleep before looking again at what has been delivered.
const LOOK: Duration = Duration::from_millis(5);
/// The longest sleep while no letter is on its way.
const POLL: Duration = Duration::from_secs(1);

/// The reason why a letter was not sent.
enum NotSent {
    /// There is no room until letters that are on their way have been written.
    Full,
    /// librdkafka refuses the letter.
    Refused(Obstacle),
    /// The topic does not exist, or nobody tells whether it does. To ask takes seconds.
    NoTopic(Obstacle),
}

/// An origin with a letter that could not be written.
struct Stuck {
    origin: Arc<Origin>,
    /// The letter that could not be written.
    first: Arc<Letter>,
    /// Whether the letter is sent alone.
    alone: bool,
    /// When the letter is sent again; `None` while it is on its way.
    retry_at: Option<Instant>,
    /// The other letters of the origin, which wait.
    behind: Vec<Arc<Letter>>,
}

pub(super) struct Office {
    settings: DeadLetterSettings,
    tell: Box<dyn Fn(Level, String) + Send>,
    /// The lane of letters that are sent together.
    together: Lane,
    /// The lane of letters that are sent each in its own request.
    alone: Lane,
    /// Whether the topic is known to exist.
    has_topic: bool,
    stuck: Vec<Stuck>,
    /// Partitions whose letters are dropped.
    dropping: HashSet<TopicPartition>,
    /// The numbers of letters that are settled, but not reported to their origins yet.
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
                // All workers have ended. The records of letters whose outcome they have not heard are read again.
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

    /// Returns how long there is nothing to do, unless letters come.
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

    /// Sends again the letters that could not be written, when their time has come. If no broker could be reached
    /// before, one letter of each origin finds out that they can be reached now.
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
                // The letters in there make room when they are written.
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

    /// Returns the client of a lane, after making sure that the topic exists.
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
        // A letter that was sent before the first one failed says nothing about the present.
        if !Arc::ptr_eq(&self.stuck[index].first, letter) {
            return;
        }
        let stuck = self.stuck.swap_remove(index);
        self.together.waiting.extend(stuck.behind);
        let partition = origin.partition();
        let text = format!("dead letters of {partition} are written again");
        (self.tell)(Level::Info, text);
    }

    /// Handles a letter that brokers or librdkafka have refused, perhaps because of others that it was sent with.
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
