//! The events of a schedule: they are printed in a replay, and otherwise only counted.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

#[derive(Debug, Default)]
pub struct Trace {
    prints: bool,
    steps: usize,
    /// The hash that distinguishes two runs of one seed.
    hash: DefaultHasher,
    counts: BTreeMap<&'static str, u64>,
}

impl Trace {
    pub fn new(prints: bool) -> Self {
        Self {
            prints,
            ..Self::default()
        }
    }

    pub fn note(&mut self, what: &'static str, of: &str) {
        (what, of).hash(&mut self.hash);
        *self.counts.entry(what).or_default() += 1;
        self.steps += 1;
        if self.prints {
            println!("{:5}  {what} {of}", self.steps);
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }
}
