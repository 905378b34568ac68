//! Finds a partition's newest state from its objects.

use std::collections::HashSet;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;

use super::{Read, Tip, read_as};
use crate::checkpoint::format::{CheckpointHeader, CheckpointKind};
use crate::checkpoint::name::{Folder, Name};
use crate::checkpoint::store::{Store, StoreError};
use crate::position::Offset;

/// The result of a recovery.
#[derive(Debug)]
pub struct Recovered {
    /// The newest state that can be read.
    pub newest: Option<Newest>,
    /// The problems with unreadable objects that are newer, or that the newest state needs: in words, one for each
    /// object.
    pub problems: Vec<String>,
}

/// A state that has been read.
#[derive(Debug)]
pub struct Newest {
    /// The tip of the chain that was read.
    pub tip: Tip,
    /// The partition's watermark there, in microseconds since 1970 UTC.
    pub watermark: Option<i64>,
    /// The base's groups, then the deltas', all of the same types. The query's `reduce` must merge them even if there
    /// are no deltas, because batches that were read share their memory.
    pub batches: Vec<RecordBatch>,
    /// Whether there is no base among them, so that they come on top of the state that the caller holds.
    pub on_top: bool,
}

/// Reads the newest state of a partition whose chain is whole. For each object that is torn, damaged or missing it
/// reports a problem, and takes the next older state.
///
/// # Errors
/// Fails if the store does not answer. What it cannot read for now may be whole: an older state in its place
/// might need records that Kafka has deleted.
pub fn recover(store: &Store, folder: &Folder) -> Result<Recovered, StoreError> {
    read(store, folder, None, None)
}

/// Reads the newest state like [`recover`], if it is newer than the state at `next`, which the caller holds. If the
/// chain rests on `tip`, what is below `tip` is not read again.
///
/// # Errors
/// Fails for the same reasons as [`recover`].
pub fn recover_beyond(
    store: &Store,
    folder: &Folder,
    next: Offset,
    tip: Option<&Tip>,
) -> Result<Recovered, StoreError> {
    let held = tip.filter(|tip| tip.next() == next);
    read(store, folder, Some(next), held)
}

/// Recovers, and reports only the problems that show in two looks: a running query deletes old objects while others
/// read them. There is a second look only if the first one found a problem.
///
/// # Errors
/// Fails for the same reasons as [`recover`].
pub fn look_twice(
    look: impl Fn() -> Result<Recovered, StoreError>,
) -> Result<Recovered, StoreError> {
    let first = look()?;
    if first.problems.is_empty() {
        return Ok(first);
    }
    let mut second = look()?;
    second
        .problems
        .retain(|problem| first.problems.contains(problem));
    Ok(second)
}

fn read(
    store: &Store,
    folder: &Folder,
    beyond: Option<Offset>,
    held: Option<&Tip>,
) -> Result<Recovered, StoreError> {
    let objects = store.list(folder)?;
    let mut recovery = Recovery {
        store,
        folder,
        held,
        names: objects.iter().map(|stored| stored.name).collect(),
        useless: HashSet::new(),
        problems: Vec::new(),
    };
    let mut newest = None;
    let newer = |next| beyond.is_none_or(|beyond| next > beyond);
    let ends = objects.iter().rev().map(|stored| stored.name.next());
    for end in ends.take_while(|end| newer(*end)) {
        newest = recovery.state_at(end)?;
        if newest.is_some() {
            break;
        }
    }
    Ok(Recovered {
        newest,
        problems: recovery.problems,
    })
}

struct Recovery<'a> {
    store: &'a Store,
    folder: &'a Folder,
    /// The tip of the state that the caller holds, which need not be read.
    held: Option<&'a Tip>,
    names: HashSet<Name>,
    /// The offsets at which no whole chain ends.
    useless: HashSet<Offset>,
    problems: Vec<String>,
}

impl Recovery<'_> {
    /// Returns the state at `next`, if everything that it rests on can be read.
    fn state_at(&mut self, next: Offset) -> Result<Option<Newest>, StoreError> {
        let mut chain: Vec<Read> = Vec::new();
        let mut at = next;
        loop {
            let found = self.object(at, chain.last())?;
            if found.is_none() {
                self.useless.insert(at);
            }
            let Some(read) = found.filter(|read| self.fits(read, chain.last())) else {
                let above = chain.iter().map(|read| read.header.next);
                self.useless.extend(above);
                return Ok(None);
            };
            let CheckpointHeader { kind, start, .. } = read.header;
            chain.push(read);
            match kind {
                CheckpointKind::Base => return Ok(joined(None, chain)),
                CheckpointKind::Delta { previous } => at = previous,
            }
            if let Some(held) = self.held
                && (held.start, held.next()) == (start, at)
            {
                return Ok(joined(Some(held), chain));
            }
        }
    }

    /// Reads the object that ends at `at`, a base if there is one that can be read.
    fn object(&mut self, at: Offset, above: Option<&Read>) -> Result<Option<Read>, StoreError> {
        if self.useless.contains(&at) {
            return Ok(None);
        }
        let names = [Name::Base(at), Name::Delta(at)];
        if let Some(above) = above
            && !names.iter().any(|name| self.names.contains(name))
        {
            let reason = format!("it rests on {at}, which is missing");
            self.tell(above.header.name(), &reason);
        }
        for name in names {
            if !self.names.contains(&name) {
                continue;
            }
            let read = match self.store.read(self.folder, name)? {
                None => Err("it is missing".to_owned()),
                Some(found) => read_as(&found, self.folder, name),
            };
            match read {
                Ok(read) => return Ok(Some(read)),
                Err(reason) => self.tell(name, &reason),
            }
        }
        Ok(None)
    }

    /// Returns whether `above`, which rests on `read`, belongs to the same state.
    fn fits(&mut self, read: &Read, above: Option<&Read>) -> bool {
        let Some(above) = above else {
            return true;
        };
        let (below, name) = (read.header.name(), above.header.name());
        if above.header.start != read.header.start {
            let reason = format!(
                "it is of records from {} on, but rests on {below}, which is from {} on",
                above.header.start, read.header.start
            );
            self.tell(name, &reason);
            return false;
        }
        let batches = read.batches.first().zip(above.batches.first());
        if batches.is_some_and(|(below, above)| types(below).ne(types(above))) {
            let reason = format!("its columns are not those of {below}, on which it rests");
            self.tell(name, &reason);
            return false;
        }
        true
    }

    fn tell(&mut self, name: Name, reason: &str) {
        self.problems
            .push(format!("{} {name}: {reason}", self.folder.partition));
    }
}

fn types(batch: &RecordBatch) -> impl Iterator<Item = &DataType> {
    batch.columns().iter().map(|column| column.data_type())
}

/// Joins the objects of a chain to one state on top of what is `held`. The newest object comes first.
fn joined(held: Option<&Tip>, chain: Vec<Read>) -> Option<Newest> {
    let mut tip = held.cloned();
    let mut watermark = None;
    let mut batches = Vec::new();
    for read in chain.into_iter().rev() {
        let CheckpointHeader { start, next, .. } = read.header;
        tip = Some(match tip {
            None => Tip::base(start, next, read.bytes),
            Some(tip) => tip.with_delta(next, read.bytes),
        });
        watermark = read.header.watermark;
        batches.extend(read.batches);
    }
    tip.map(|tip| Newest {
        tip,
        watermark,
        batches,
        on_top: held.is_some(),
    })
}
