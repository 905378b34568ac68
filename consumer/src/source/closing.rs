//! Consumers that end at once.

use std::ops::Deref;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, ConsumerContext};

/// Between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(1);

/// A consumer that has ended a moment after it is dropped. rdkafka looks whether its own have ten times a
/// second: that was half of the time to the first result of a short topic.
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
        // What is refused here (after a fatal error, for instance) rdkafka refuses to wait for.
        if self.close_queue().is_ok() {
            while !self.closed() {
                self.poll(LOOK);
            }
        }
    }
}
