//! How an object store fails one process: requests fail, answers are lost, writes are torn, repeated or lost. A process
//! that is killed makes no more requests.

use std::sync::{Arc, Mutex};

use object_store::memory::InMemory;
use object_store::path::Path;
use testkit::failing_store::{FailingStore, Fault, Request};

use super::dice::Dice;

/// How requests of one process fail.
#[derive(Debug)]
pub struct Trouble {
    pub dice: Dice,
    /// How many requests in a hundred go wrong.
    pub percent: usize,
    /// Whether the store confirms writes that it has not stored.
    pub lies: bool,
    pub has_lied: bool,
    pub deleted: usize,
    /// How many more requests a process makes that is being killed.
    pub left: Option<usize>,
}

impl Trouble {
    pub fn new(dice: Dice, percent: usize, lies: bool) -> Self {
        Self {
            dice,
            percent,
            lies,
            has_lied: false,
            deleted: 0,
            left: None,
        }
    }

    fn fault_of(&mut self, request: Request<'_>) -> Option<Fault> {
        let fault = self.fault();
        match request {
            Request::Write(location) => {
                let fault = fault_of_write(fault, location);
                self.has_lied |= fault.is_some_and(Fault::is_lie);
                fault
            }
            Request::Read => fault,
            Request::Delete => {
                let is_done = !fault.is_some_and(Fault::is_failure);
                self.deleted += usize::from(is_done);
                fault
            }
        }
    }

    fn fault(&mut self) -> Option<Fault> {
        match &mut self.left {
            Some(0) => return Some(Fault::Fails),
            Some(left) => {
                *left -= 1;
                if *left == 0 {
                    return Some(match self.dice.below(3) {
                        0 => Fault::Fails,
                        1 => Fault::AnswerLost,
                        _ => Fault::Torn(self.part()),
                    });
                }
            }
            None => {}
        }
        if !self.dice.chance(self.percent) {
            return None;
        }
        Some(match self.dice.below(if self.lies { 6 } else { 4 }) {
            0 => Fault::Fails,
            1 => Fault::AnswerLost,
            2 => Fault::Repeated,
            3 => Fault::Torn(self.part()),
            4 => Fault::TornSilently(self.part()),
            _ => Fault::Lost,
        })
    }

    /// Returns how much of a write is done before it is torn, in 256ths.
    fn part(&mut self) -> u8 {
        self.dice.below(256) as u8
    }
}

/// Only checkpoints can be told to be torn or lost; the others are said to need `--reset` then.
fn fault_of_write(fault: Option<Fault>, location: &Path) -> Option<Fault> {
    let is_checkpoint = location.filename().is_some_and(|name| name.contains('-'));
    match fault {
        Some(Fault::Torn(_)) if !is_checkpoint => Some(Fault::Fails),
        Some(fault) if fault.is_lie() && !is_checkpoint => None,
        _ => fault,
    }
}

/// Returns one process's way to the objects that all processes share.
pub fn line(objects: Arc<InMemory>, trouble: Arc<Mutex<Trouble>>) -> FailingStore {
    FailingStore::new(objects, move |request| {
        trouble.lock().unwrap().fault_of(request)
    })
}
