//! A client of dead letters, with the letters that wait for it and a count of those that it is sending.

use std::collections::VecDeque;
use std::sync::Arc;

use super::DeadLetterSettings;
use super::client::{Client, Delivery};
use super::letter::Letter;
use super::obstacle::Obstacle;

/// The most letters that may be on their way at a time.
const MOST: usize = 10_000;
/// The most bytes of letters that may be on their way at a time.
const MOST_BYTES: usize = 16 << 20;
/// The most letters that may be on their way at a time if each has a request of its own. librdkafka sends one such
/// request for each partition every few milliseconds, and the time for a letter's delivery begins when the letter is
/// handed over.
const MOST_ALONE: usize = 50;

pub(super) struct Lane {
    /// Whether each letter has a request of its own.
    alone: bool,
    /// The client, which is made for the first letter.
    client: Option<Client>,
    pub waiting: VecDeque<Arc<Letter>>,
    on_their_way: usize,
    bytes: usize,
}

impl Lane {
    pub(super) fn new(alone: bool) -> Self {
        Self {
            alone,
            client: None,
            waiting: VecDeque::new(),
            on_their_way: 0,
            bytes: 0,
        }
    }

    /// Returns whether no letter waits or is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.on_their_way == 0
    }

    /// Returns the letter to send next, if there is room for it.
    pub(super) fn next(&mut self) -> Option<Arc<Letter>> {
        let most = if self.alone { MOST_ALONE } else { MOST };
        let has_place = self.on_their_way < most && self.bytes < MOST_BYTES;
        if has_place {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// Counts a letter that librdkafka has taken.
    pub(super) fn sent(&mut self, letter: &Letter) {
        self.on_their_way += 1;
        self.bytes += letter.bytes();
    }

    /// Returns the client; makes it if there is none.
    pub(super) fn client(&mut self, settings: &DeadLetterSettings) -> Result<&Client, Obstacle> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::new(&settings.client, &settings.topic, self.alone)
                .map_err(|error| Obstacle::of(&error))?,
        };
        Ok(self.client.insert(client))
    }

    /// Returns the letters that librdkafka has finished with since the last call.
    pub(super) fn settled(&mut self) -> Vec<Delivery> {
        let settled = self.client.as_ref().map_or_else(Vec::new, Client::settled);
        for Delivery { letter, .. } in &settled {
            self.on_their_way -= 1;
            self.bytes -= letter.bytes();
        }
        settled
    }
}
