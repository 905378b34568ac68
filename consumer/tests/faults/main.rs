//! Causes faults while transactions are produced and read on real brokers. Whatever dies, and in whatever order, every
//! record must be in the result once, to the cent.
//!
//! The producer writes steadily to a topic of six partitions for as long as the faults last. `consumer` processes of
//! one group read it, with checkpoints at one location. These faults happen in a random order:
//!
//! - consumers are killed (-9), each after it has made progress since the last fault, and are started again at once, or
//!   left dead for others to take over;
//! - a consumer is stopped past its session's end and then continues, as if it still had its partitions;
//! - consumers join, and leave when they are asked to;
//! - each broker in turn is killed, and started again while the next fault happens;
//! - ZooKeeper is killed or stopped for a while.
//!
//! Then all processes are asked to end, and one `available-now` run from their checkpoints gives the result. It must
//! equal what is computed from the seed by plain arithmetic. That run must also not read records again that a process
//! had shown before it ended properly.
//!
//! ```text
//! cargo test -p consumer --test faults                            # about two minutes
//! CARDSTREAM_FAULTS=long cargo test -p consumer --test faults     # about a quarter of an hour
//! CARDSTREAM_SEED=42 cargo test -p consumer --test faults         # the same faults in the same order
//! ```
//!
//! The test prints its seed first, each fault as it comes, and at the end how long recovering took. Without Java or
//! Maven it is ignored, unless CARDSTREAM_REQUIRE_CLUSTER=1.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used
)]

mod form;
mod group;
mod process;
mod recovery;
mod result;
mod schedule;
mod steps;

use std::process::ExitCode;
use std::thread;

use kafka_access::Stop;
use libtest_mimic::Arguments;
use producer::{GeneratorSettings, Pace, Ratio};
use testkit::brokers::{self, Brokers};
use testkit::expected::generated;
use testkit::load::{StopAtEnd, publish_until};
use testkit::topic::{create_topic, ends};

use crate::form::Form;
use crate::group::Group;
use crate::process::Place;
use crate::recovery::Recoveries;
use crate::result::result;
use crate::schedule::{Dice, FIRST};
use crate::steps::{RESTARTS, Run};

const TOPIC: &str = "faults";
const PARTITIONS: i32 = 6;
const PER_SECOND: u32 = 2_000;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = vec![
        schedule::trial(),
        brokers::trial("every_record_is_counted_once_whatever_dies", whatever_dies),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    brokers::clean();
    conclusion.exit_code()
}

fn whatever_dies(brokers: &Brokers) {
    let form = Form::asked_for();
    let seed = form::seed();
    eprintln!("\n{} form, CARDSTREAM_SEED={seed}", form.name);
    let mut folder = tempfile::Builder::new();
    let mut folder = folder.prefix("cardstream-faults-").tempdir().unwrap();
    // After a failure the checkpoints stay on the disk, so that they can be examined.
    folder.disable_cleanup(true);
    eprintln!("checkpoints are in {}", folder.path().display());
    let generator = GeneratorSettings {
        seed: Some(seed),
        bad_ratio: Ratio::new(0.005).unwrap(),
        ..GeneratorSettings::default()
    };
    create_topic(brokers, TOPIC, PARTITIONS, &[]);

    let place = Place {
        brokers,
        topic: TOPIC,
        folder: folder.path(),
    };
    let mut group = Group::new(&place, PARTITIONS);
    let mut recoveries = Recoveries::default();
    let stop = &Stop::new();
    let published = thread::scope(|scope| {
        let pace = Pace::PerSecond(PER_SECOND.try_into().unwrap());
        let records = generator.clone();
        let producing =
            scope.spawn(move || publish_until(stop, brokers, TOPIC, PARTITIONS, records, pace));
        // The producer stops however this scope ends.
        let _stop = StopAtEnd(stop);
        let mut dice = Dice::new(seed);
        let steps = schedule::draw(&form.faults, &mut dice);
        for _ in 0..FIRST {
            group.start(dice.workers());
        }
        // This waits before the first fault: without ZooKeeper the producer could not even begin, since brokers take
        // its id from there.
        group.await_recovery();
        let mut run = Run::new(brokers, &form, &mut group, &mut dice, &mut recoveries);
        for step in steps {
            run.step(step);
        }
        group.await_recovery();
        group.await_records(form.records);
        stop.request();
        producing.join().unwrap().acknowledged
    });
    let running = group.running();
    for &number in &running {
        group.ask_to_end(number);
    }
    for &number in &running {
        group.await_good_end(number);
    }
    group.note("all have ended");
    let ends = ends(brokers, TOPIC);
    let written: i64 = ends.iter().sum();
    assert_eq!(written, published as i64, "the producer repeats or loses");

    let shown: i64 = group.kept().iter().sum();
    let result = result(&place);
    let again = result.records;
    assert_eq!(result.totals, generated(&generator, published));
    assert!(
        again <= published - shown as u64,
        "{again} records are in no checkpoint, and {shown} of {published} were shown by processes that \
         ended well"
    );
    assert!(
        again < published / 4,
        "{again} of {published} are read again"
    );
    let all = group.processes.iter().flat_map(|process| &process.said);
    let all = all.map(String::as_str);
    for said in all.chain(result.said.lines()) {
        let is_fine = !said.contains("checkpoint") && !said.contains("panicked");
        assert!(is_fine, "{said}");
    }
    for time in group.restarts() {
        recoveries.took(RESTARTS, time);
    }
    eprintln!(
        "survived with {published} records and CARDSTREAM_SEED={seed}, {again} of them read for the \
         result: {recoveries}"
    );
    folder.disable_cleanup(false);
}
