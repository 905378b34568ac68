//! Carries a request to stop, which wakes the threads that wait.
//!
//! A thread waits on a condition variable with a deadline: it waits no longer than it has to, and never polls.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A handle to stop a run. All clones share the request.
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
    /// Whether something else happened that the waiting thread should look at.
    nudged: bool,
}

impl Stop {
    /// Makes a handle without a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop. Asking again changes nothing.
    pub fn request(&self) {
        self.state().requested = true;
        self.0.changed.notify_all();
    }

    /// Returns whether a stop was requested.
    pub fn requested(&self) -> bool {
        self.state().requested
    }

    /// Ends the wait that is going on, or the next one if nobody waits.
    pub fn nudge(&self) {
        self.state().nudged = true;
        self.0.changed.notify_all();
    }

    /// Waits until `deadline`, a nudge, or a request to stop. A caller that knows of the request already sets `seen`:
    /// then the request does not end the wait.
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
