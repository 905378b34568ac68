//! A client of dead letters, what waits for it, and how much is on its way.

use std::collections::VecDeque;
use std::sync::Arc;

use super::DeadLetterSettings;
use super::client::{Client, Delivery};
use super::letter::Letter;
use super::obstacle::Obstacle;

/// Letters that may be on their way at a time.
const MOST: usize = 10_000;
/// Bytes of letters that may be on their way at a time.
const MOST_BYTES: usize = 16 << 20;
/// Letters that may be on their way at a time where each has a request of its own. librdkafka sends one such request a
/// partition every few milliseconds, and a letter's time to be delivered in begins when it is handed over.
const MOST_ALONE: usize = 50;

pub(super) struct Lane {
    /// Whether each letter has a request of its own.
    alone: bool,
    /// Made for the first letter.
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

    /// Whether nothing waits or is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.on_their_way == 0
    }

    /// The letter that is to be sent next, if there is place for it.
    pub(super) fn next(&mut self) -> Option<Arc<Letter>> {
        let most = if self.alone { MOST_ALONE } else { MOST };
        let has_place = self.on_their_way < most && self.bytes < MOST_BYTES;
        if has_place {
            self.waiting.pop_front()
        } else {
            None
        }
    }

    /// The letter is on its way.
    pub(super) fn sent(&mut self, letter: &Letter) {
        self.on_their_way += 1;
        self.bytes += letter.bytes();
    }

    /// The client, which is made if there is none.
    pub(super) fn client(&mut self, settings: &DeadLetterSettings) -> Result<&Client, Obstacle> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::new(&settings.client, &settings.topic, self.alone)
                .map_err(|error| Obstacle::of(&error))?,
        };
        Ok(self.client.insert(client))
    }

    /// What has become of letters since the last time.
    pub(super) fn settled(&mut self) -> Vec<Delivery> {
        let settled = self.client.as_ref().map_or_else(Vec::new, Client::settled);
        for Delivery { letter, .. } in &settled {
            self.on_their_way -= 1;
            self.bytes -= letter.bytes();
        }
        settled
    }
}
