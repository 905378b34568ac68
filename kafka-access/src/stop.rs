//! A request to stop that wakes whoever waits.
//!
//! Waiting is on a condition variable with a deadline: no wait is longer than it has to be, and
//! none polls.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A handle to stop a run, shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    requested: bool,
    /// Something else happened that the waiting thread should look at.
    nudged: bool,
}

impl Stop {
    /// A handle by which nothing was stopped yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop; repeating it changes nothing.
    pub fn request(&self) {
        self.state().requested = true;
        self.0.changed.notify_all();
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.state().requested
    }

    /// Ends a wait that is going on, or else the next one.
    pub fn nudge(&self) {
        self.state().nudged = true;
        self.0.changed.notify_all();
    }

    /// Waits until `deadline`, a nudge, or a request to stop, of which a caller that has already
    /// `seen` it is not told again.
    pub fn wait_until(&self, deadline: Instant, seen: bool) {
        let mut state = self.state();
        while !state.nudged && state.requested == seen {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.nudged = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_request_ends_a_long_wait() {
        let stop = Stop::new();
        let other = stop.clone();
        let started = Instant::now();
        let waiter =
            std::thread::spawn(move || other.wait_until(started + Duration::from_secs(60), false));
        stop.request();
        waiter.join().unwrap();
        assert!(stop.requested() && started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_nudge_before_the_wait_is_not_lost() {
        let stop = Stop::new();
        stop.nudge();
        let started = Instant::now();
        stop.wait_until(started + Duration::from_secs(60), false);
        assert!(!stop.requested() && started.elapsed() < Duration::from_secs(30));
    }
}
