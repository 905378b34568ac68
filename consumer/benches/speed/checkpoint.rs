//! Measures how checkpoints are encoded, written and made durable, on the disk on which cargo builds.
//!
//! A benchmark's argument says how many groups the state has and how many bytes the object has.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::RecordBatch;
use consumer::checkpoint::chain::{self, Delta, NewCheckpoint, Written};
use consumer::checkpoint::identity::Description;
use consumer::checkpoint::location::Location;
use consumer::checkpoint::name::Folder;
use consumer::checkpoint::store::Store;
use consumer::position::{Offset, TopicPartition};
use divan::Bencher;
use divan::counter::BytesCount;
use tempfile::TempDir;

use crate::input::{groups, query_by_key};

const GROUPS: [usize; 3] = [10, 10_000, 1_000_000];
/// The most groups of a delta.
const BATCH: usize = 1000;

/// A state, the groups of a batch, and a store for their checkpoints.
struct Kept {
    count: usize,
    bytes: u64,
    state: Vec<RecordBatch>,
    delta: Vec<RecordBatch>,
    folder: Folder,
    store: Store,
    next: AtomicI64,
    _directory: TempDir,
}

impl Display for Kept {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} groups, {} bytes", self.count, self.bytes)
    }
}

impl Kept {
    fn new(count: usize) -> Self {
        let query = query_by_key();
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let url = format!("file://{}", directory.path().display());
        let location = Location::parse(&url, std::iter::empty()).expect("a location");
        let identity = Description::of(&query, &[], query.table());
        Self {
            count,
            bytes: 0,
            state: groups(&query, 0..count),
            delta: groups(
                &query,
                (0..BATCH.min(count)).map(|key| key * (count / BATCH).max(1)),
            ),
            folder: Folder {
                fingerprint: identity.fingerprint().expect("a fingerprint"),
                partition: TopicPartition::new("transactions", 0),
            },
            store: location.open().expect("a store"),
            next: AtomicI64::new(0),
            _directory: directory,
        }
    }

    /// Writes the next checkpoint: a delta on top of `on`, or a base. It is durable when this returns.
    fn write(&self, on: Option<&chain::Tip>) -> Written {
        let next = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let new = NewCheckpoint {
            start: Offset(0),
            next: Offset(next),
            watermark: None,
            state: self.state.clone(),
            delta: on.map(|tip| Delta {
                previous: tip.next(),
                groups: self.delta.clone(),
            }),
        };
        let written =
            chain::write(&self.store, &self.folder, on, &new).expect("a durable checkpoint");
        assert_eq!(
            written.tip.deltas,
            usize::from(on.is_some()),
            "of the kind that is measured"
        );
        written
    }
}

fn bases() -> impl Iterator<Item = Kept> {
    GROUPS.into_iter().map(|count| {
        let mut kept = Kept::new(count);
        kept.bytes = kept.write(None).bytes;
        kept
    })
}

fn deltas() -> impl Iterator<Item = Kept> {
    GROUPS.into_iter().map(|count| {
        let mut kept = Kept::new(count);
        let base = kept.write(None);
        kept.bytes = kept.write(Some(&base.tip)).bytes;
        kept
    })
}

/// Writes a whole state as a base.
#[divan::bench(args = bases(), sample_count = 10, sample_size = 1)]
fn base(bencher: Bencher<'_, '_>, kept: &Kept) {
    bencher
        .counter(BytesCount::new(kept.bytes))
        .bench_local(|| kept.write(None));
}

/// Writes a batch of up to 1,000 groups as a delta on top of a base.
#[divan::bench(args = deltas(), sample_size = 1)]
fn delta(bencher: Bencher<'_, '_>, kept: &Kept) {
    let base = kept.write(None);
    bencher
        .counter(BytesCount::new(kept.bytes))
        .bench_local(|| kept.write(Some(&base.tip)));
}
