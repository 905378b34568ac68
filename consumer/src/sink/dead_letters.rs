//! Writes bad records unchanged to the dead-letter topic.
//!
//! A letter has the record's key, value and headers, and beside them the headers `cardstream.topic`, `.partition`,
//! `.offset`, `.timestamp` and `.reason`. Its own timestamp is the time at which it is written. The worker hears when a
//! letter has been written, and lets no offset behind its record be checkpointed before that: each letter is written at
//! least once, and a repeated one can be recognized by topic, partition and offset.
//!
//! The client is made when the first letter comes: most queries never write one.

mod client;
mod lane;
mod letter;
mod obstacle;
mod office;

use std::io;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, unbounded};
use rdkafka::config::ClientConfig;

use self::office::Office;
use crate::event::Level;

pub use self::letter::{Fate, Letter, Origin, Refusal};
pub use self::obstacle::Obstacle;

/// What happens to a letter that cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The letter's partition waits until the letter can be written.
    #[default]
    Pause,
    /// The letter is dropped.
    Drop,
}

/// The sender of bad records, the same for all workers.
#[derive(Clone, Debug)]
pub struct DeadLetters(Sender<Vec<Letter>>);

impl DeadLetters {
    /// Makes a sender of letters; the owner of the other end of `sender` receives them.
    pub fn to(sender: Sender<Vec<Letter>>) -> Self {
        Self(sender)
    }

    /// Sends letters to the thread that writes them.
    pub fn send(&self, letters: Vec<Letter>) {
        // The thread that writes letters ends after all workers.
        let _ = self.0.send(letters);
    }
}

/// How letters are written.
pub struct DeadLetterSettings {
    /// The settings of the Kafka client.
    pub client: ClientConfig,
    /// The dead-letter topic.
    pub topic: String,
    /// What happens to a letter that cannot be written.
    pub on_failure: OnFailure,
}

/// Starts the thread that writes letters; it ends when the last [`DeadLetters`] is dropped. `tell` gets the messages
/// that a person should see.
///
/// # Errors
/// Fails if the operating system gives no thread.
pub fn spawn(
    settings: DeadLetterSettings,
    tell: impl Fn(Level, String) + Send + 'static,
) -> io::Result<(DeadLetters, JoinHandle<()>)> {
    let (sender, letters) = unbounded();
    let thread = thread::Builder::new()
        .name("dead-letters".to_owned())
        .spawn(move || Office::new(settings, tell).run(&letters))?;
    Ok((DeadLetters(sender), thread))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::Timestamp;
    use rdkafka::message::OwnedMessage;

    use super::*;
    use crate::checkpoint::Epoch;
    use crate::position::TopicPartition;

    /// Longer than anything here takes on a busy machine.
    const DEADLINE: Duration = Duration::from_secs(60);

    #[test]
    fn more_letters_than_the_clients_queue_holds_are_all_written() {
        const LETTERS: u64 = 600;
        let mut client = ClientConfig::new();
        client.set("test.mock.num.brokers", "1");
        client.set("queue.buffering.max.messages", "50");
        let settings = DeadLetterSettings {
            client,
            topic: "letters".to_owned(),
            on_failure: OnFailure::Drop,
        };
        let (tell, told) = unbounded();
        let (office, thread) = spawn(settings, move |_, text| tell.send(text).unwrap()).unwrap();
        let (settle, fates) = unbounded();
        let partition = TopicPartition::new("t", 0);
        let origin = Origin::new(partition, Epoch::default(), move |fate| {
            settle.send(fate).unwrap();
        });
        let letter = |offset| {
            let value = Some(b"bad".to_vec());
            let at = Timestamp::NotAvailable;
            let record = OwnedMessage::new(value, None, "t".to_owned(), at, 0, offset, None);
            Letter::new(&origin, &record, "it is bad".to_owned())
        };
        office.send((0..LETTERS as i64).map(letter).collect());
        let mut settled = 0;
        while settled < LETTERS {
            match fates.recv_timeout(DEADLINE) {
                Ok(Fate::Settled(count)) => settled += count,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(settled, LETTERS);
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [""; 0]);
        drop(office);
        thread.join().unwrap();
    }
}
