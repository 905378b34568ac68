//! A store whose writes go wrong in an order, and whose deletes end after some.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use testkit::failing_store::{FailingStore, Fault, Request};

use super::*;

/// What is still to go wrong on the way to some objects.
#[derive(Default)]
pub struct Faults(Mutex<Ordered>);

#[derive(Default)]
struct Ordered {
    /// Each write is met by the next one.
    writes: VecDeque<Option<Fault>>,
    /// So many more requests can delete, if not all.
    deletes: Option<usize>,
}

impl Faults {
    /// A store on empty objects, and what is to go wrong there.
    pub fn with_store() -> (Arc<Self>, Store) {
        let faults = Arc::new(Self::default());
        let asked = Arc::clone(&faults);
        let objects = Arc::new(InMemory::new());
        let objects = FailingStore::new(objects, move |request| asked.next(request));
        let store = Store::new(Arc::new(objects), Path::from("x"), "memory:///x");
        (faults, store.unwrap())
    }

    fn ordered(&self) -> MutexGuard<'_, Ordered> {
        self.0.lock().unwrap()
    }

    /// Orders the fault of the next write that has none.
    pub fn order(&self, fault: Option<Fault>) {
        self.ordered().writes.push_back(fault);
    }

    /// Lets so many more requests delete, or all.
    pub fn allow_deletes(&self, deletes: Option<usize>) {
        self.ordered().deletes = deletes;
    }

    /// Forgets the faults that no write has met.
    pub fn clear(&self) {
        self.ordered().writes.clear();
    }

    fn next(&self, request: Request<'_>) -> Option<Fault> {
        let mut ordered = self.ordered();
        match request {
            Request::Write(_) => ordered.writes.pop_front().flatten(),
            Request::Read => None,
            Request::Delete => {
                let left = ordered.deletes.as_mut()?;
                if *left == 0 {
                    return Some(Fault::Fails);
                }
                *left -= 1;
                None
            }
        }
    }
}
