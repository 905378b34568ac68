//! The engine and its checkpoints in a simulated world: thousands of schedules of reads, batches, writes,
//! kills, zombies, rebalances and faults, each from one seed, each with an exact result at its end.
//!
//! What runs is production code: the members' loop and its worker, checkpoints, their writer, chain, store, query and
//! decoder. The edges are simulated: the topic and the client that fetches it, the group, the dead-letter topic, the
//! objects of the store, the clock, and the order in which the parts run. Only the loop that triggers is written again
//! (`process`).
//!
//! `CARDSTREAM_SEED=n` replays one schedule and prints its steps; `CARDSTREAM_SCHEDULES=n` runs n schedules.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod client;
mod dice;
mod group;
mod member;
mod objects;
mod output;
mod process;
mod schedule;
mod settings;
mod topic;
mod totals;
mod trace;
mod world;

use std::collections::BTreeMap;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use self::settings::{Sabotage, Settings};

const SCHEDULES: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is no number")),
    )
}

/// The queries of the schedules. Every fourth seed has a query without an aggregate.
struct Queries {
    grouping: Settings,
    appending: Settings,
}

impl Queries {
    fn new() -> Self {
        Self {
            grouping: Settings::new(None),
            appending: Settings::appending(None),
        }
    }

    fn of(&self, seed: u64) -> &Settings {
        match seed % 4 {
            3 => &self.appending,
            _ => &self.grouping,
        }
    }
}

/// Runs the schedule of a seed. The error says how to see it again.
fn schedule(seed: u64, settings: &Settings, prints: bool) -> Result<trace::Trace, String> {
    let run = || schedule::run(seed, settings, prints);
    let outcome = catch_unwind(AssertUnwindSafe(run));
    let wrong = match outcome {
        Ok((trace, Ok(()))) => return Ok(trace),
        Ok((_, Err(wrong))) => wrong,
        Err(_) => "it panicked".to_owned(),
    };
    Err(format!(
        "seed {seed}: {wrong}\n\
         replay: CARDSTREAM_SEED={seed} cargo test -p consumer --test simulation -- --nocapture each"
    ))
}

#[test]
fn each_schedule_ends_in_the_exact_result() {
    if let Some(seed) = number("CARDSTREAM_SEED") {
        schedule(seed, Queries::new().of(seed), true).unwrap_or_else(|wrong| panic!("{wrong}"));
        return;
    }
    let schedules = number("CARDSTREAM_SCHEDULES").unwrap_or(SCHEDULES);
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let wrong = Mutex::new(Vec::new());
    let counts = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..threads {
            scope.spawn(|| {
                let queries = Queries::new();
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= schedules {
                        break;
                    }
                    match schedule(seed, queries.of(seed), false) {
                        Ok(trace) => {
                            let mut counts = counts.lock().unwrap();
                            for (what, count) in trace.counts() {
                                *counts.entry(*what).or_insert(0) += count;
                            }
                        }
                        Err(error) => {
                            wrong.lock().unwrap().push(error);
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let counts: BTreeMap<&str, u64> = counts.into_inner().unwrap();
    println!(
        "{schedules} schedules in {:?}: {counts:#?}",
        began.elapsed()
    );
}

#[test]
fn a_seed_gives_the_same_schedule_again() {
    for seed in 0..20 {
        let hash = || schedule(seed, Queries::new().of(seed), false).map(|trace| trace.hash());
        assert_eq!(hash(), hash(), "seed {seed}");
    }
}

#[test]
fn what_is_done_wrong_on_purpose_is_found() {
    use Sabotage::{LetterLost, NoSeek, OffsetFirst, RowsDropped, RowsLast};
    for sabotage in [OffsetFirst, NoSeek, LetterLost, RowsLast, RowsDropped] {
        let settings = match sabotage {
            RowsLast | RowsDropped => Settings::appending(Some(sabotage)),
            _ => Settings::new(Some(sabotage)),
        };
        let found = (0..300).find_map(|seed| schedule(seed, &settings, false).err());
        println!("{sabotage:?}: {found:?}");
        assert!(found.is_some(), "{sabotage:?}");
    }
}
