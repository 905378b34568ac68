//! Writers that die, lose their partition and write late, on a store whose writes go wrong: whatever
//! happens, recovery finds the newest state that was said to be kept, or, of a store that lies, an earlier
//! right one.

use proptest::prelude::*;
use testkit::failing_store::Fault;

use super::faults::Faults;
use super::*;

/// A step of a schedule.
#[derive(Clone, Debug)]
enum Step {
    /// A writer reads so many records and keeps its state.
    Write {
        writer: usize,
        records: i64,
        fault: Option<Fault>,
    },
    /// A writer dies; its successor takes over what is kept. The others become zombies.
    Restart { writer: usize },
    /// A writer deletes what is old, and may die after so many objects.
    Retire { deletes: Option<usize> },
}

const WRITERS: usize = 3;

fn fault(lies: bool) -> impl Strategy<Value = Option<Fault>> {
    let honest = prop_oneof![
        6 => Just(None),
        1 => Just(Some(Fault::Fails)),
        1 => Just(Some(Fault::AnswerLost)),
        1 => Just(Some(Fault::Repeated)),
        1 => any::<u8>().prop_map(|part| Some(Fault::Torn(part))),
    ];
    if lies {
        prop_oneof![
            8 => honest,
            1 => any::<u8>().prop_map(|part| Some(Fault::TornSilently(part))),
            1 => Just(Some(Fault::Lost)),
        ]
        .boxed()
    } else {
        honest.boxed()
    }
}

fn steps(lies: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..WRITERS, 1_i64..6, fault(lies)).prop_map(|(writer, records, fault)| Step::Write {
            writer,
            records,
            fault
        }),
        2 => (0..WRITERS).prop_map(|writer| Step::Restart { writer }),
        2 => proptest::option::of(0_usize..6).prop_map(|deletes| Step::Retire { deletes }),
    ];
    proptest::collection::vec(step, 1..80)
}

/// What a writer holds: where it has read to, and what its next checkpoint rests on.
#[derive(Clone, Debug, Default)]
struct Writer {
    read: i64,
    tip: Option<Tip>,
}

struct Run {
    faults: Arc<Faults>,
    store: Store,
    writers: Vec<Writer>,
    /// The newest offset that a writer was told is kept.
    acknowledged: Option<i64>,
}

impl Run {
    fn new() -> Self {
        let (faults, store) = Faults::with_store();
        Self {
            faults,
            store,
            writers: vec![Writer::default(); WRITERS],
            acknowledged: None,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Write {
                writer,
                records,
                fault,
            } => self.write(writer, records, fault),
            Step::Restart { writer } => {
                let (next, _) = recovered(&self.store);
                let newest = recover(&self.store, &folder()).unwrap().newest;
                self.writers[writer] = Writer {
                    read: next.unwrap_or(0),
                    tip: newest.map(|newest| newest.tip),
                };
            }
            Step::Retire { deletes } => {
                self.faults.allow_deletes(deletes);
                let _ = retire(&self.store, &folder());
                self.faults.allow_deletes(None);
            }
        }
    }

    fn write(&mut self, writer: usize, records: i64, fault: Option<Fault>) {
        let writer = &mut self.writers[writer];
        writer.read += records;
        let previous = writer.tip.as_ref().map(|tip| tip.next().0);
        let new = checkpoint(0, previous, writer.read);
        self.faults.order(fault);
        let written = write(&self.store, &folder(), writer.tip.as_ref(), &new);
        self.faults.clear();
        // One that failed is tried again with the next batch, by the same writer.
        if let Ok(written) = written {
            writer.tip = Some(written.tip);
            self.acknowledged = self.acknowledged.max(Some(writer.read));
        }
    }

    fn furthest(&self) -> i64 {
        let read = self.writers.iter().map(|writer| writer.read);
        read.max().unwrap_or(0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_acknowledged_is_recovered(steps in steps(false)) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step);
            // The state itself is compared in `recovered`.
            let (next, problems) = recovered(&run.store);
            prop_assert!(next >= run.acknowledged, "{next:?} of {:?}: {problems:?}", run.acknowledged);
        }
    }

    #[test]
    fn a_store_that_lies_makes_no_wrong_state(steps in steps(true)) {
        let mut run = Run::new();
        let mut furthest = 0;
        let mut lied = false;
        for step in &steps {
            lied |= matches!(step, Step::Write { fault: Some(fault), .. } if fault.is_lie());
            run.step(step);
            furthest = run.furthest().max(furthest);
            let (next, problems) = recovered(&run.store);
            prop_assert!(next.unwrap_or(0) <= furthest);
            prop_assert!(lied || next >= run.acknowledged, "{problems:?}");
        }
    }
}
