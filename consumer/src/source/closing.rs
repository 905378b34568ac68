//! Consumers that close without delay.

use std::ops::Deref;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, ConsumerContext};

/// How long one poll waits while the consumer closes.
const LOOK: Duration = Duration::from_millis(1);

/// A consumer that closes within a moment after it is dropped. rdkafka's own consumers look only ten times a second
/// whether they have closed, which took half of the time to the first result of a short topic.
pub struct Closing<C: ConsumerContext>(BaseConsumer<C>);

impl<C: ConsumerContext> From<BaseConsumer<C>> for Closing<C> {
    fn from(consumer: BaseConsumer<C>) -> Self {
        Self(consumer)
    }
}

impl<C: ConsumerContext> Deref for Closing<C> {
    type Target = BaseConsumer<C>;

    fn deref(&self) -> &BaseConsumer<C> {
        &self.0
    }
}

impl<C: ConsumerContext> Drop for Closing<C> {
    fn drop(&mut self) {
        // If librdkafka refuses to close here (after a fatal error, for instance), rdkafka does not wait for it either.
        if self.close_queue().is_ok() {
            while !self.closed() {
                self.poll(LOOK);
            }
        }
    }
}
