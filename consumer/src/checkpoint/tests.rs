//! Tests of which owner moves a checkpoint on, within a process and between several.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use futures::executor::block_on;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::counting::Counting;
use super::writer::{CheckpointWriter, NewState, WriterEvent};
use super::*;

fn at(next: i64) -> Checkpoint {
    Checkpoint::at(Offset(next))
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

#[test]
fn a_worker_that_has_lost_the_partition_changes_nothing() {
    let checkpoints = Checkpoints::default();
    let partition = partition();
    let old = checkpoints.take_over(partition.clone(), Offset(5));
    let new = checkpoints.take_over(partition.clone(), Offset(5));
    assert_eq!(new.from.next, Offset(5));

    // Both stand where the newest checkpoint ends.
    assert!(!checkpoints.advance(&partition, old.epoch, Offset(5), at(7)));
    assert!(checkpoints.advance(&partition, new.epoch, Offset(5), at(9)));
    assert!(!checkpoints.advance(&partition, old.epoch, Offset(9), at(11)));

    let third = checkpoints.take_over(partition, Offset(5));
    assert_eq!(third.from.next, Offset(9));
}

#[test]
fn records_are_moved_over_once() {
    let checkpoints = Checkpoints::default();
    let partition = partition();
    let owner = checkpoints.take_over(partition.clone(), Offset(5));
    assert!(checkpoints.advance(&partition, owner.epoch, Offset(5), at(9)));
    assert!(!checkpoints.advance(&partition, owner.epoch, Offset(5), at(9)));
}

#[test]
fn a_known_start_stays() {
    let checkpoints = Checkpoints::default();
    let partition = partition();
    checkpoints.begin(partition.clone(), at(5));
    checkpoints.begin(partition.clone(), at(0));
    let owner = checkpoints.take_over(partition, Offset(0));
    assert_eq!(owner.from.next, Offset(5));
}

/// One of several processes on one location.
struct Process {
    counting: Counting,
    checkpoints: Checkpoints,
    writer: CheckpointWriter,
}

impl Process {
    fn on(objects: &Arc<InMemory>) -> Self {
        let counting = Counting::kept_in(Arc::clone(objects) as _);
        let kept = counting.repository();
        let checkpoints = Checkpoints::of(Arc::clone(&kept));
        let found = kept.newest(&partition()).unwrap();
        let begun = || Checkpoint::at(kept.begin(&partition(), Offset(0)).unwrap());
        checkpoints.begin(partition(), found.checkpoint.unwrap_or_else(begun));
        let writer = CheckpointWriter::new(kept, |told| match told {
            WriterEvent::Durable(..) => {}
            WriterEvent::Notice(_, text) => panic!("{text}"),
        });
        Self {
            counting,
            checkpoints,
            writer,
        }
    }

    fn take_over(&self) -> TakenOver {
        self.checkpoints.take_over(partition(), Offset(0))
    }

    /// Its worker reads, hands over, and may come to write that.
    fn read(&mut self, taken: &mut TakenOver, records: &[i64], written: bool) {
        let state = self.counting.read(taken, records);
        let new = state.checkpoint.clone();
        let NewState { previous, .. } = state;
        assert!(
            self.checkpoints
                .advance(&partition(), taken.epoch, previous, new.clone())
        );
        taken.from = new;
        self.writer.gathered().add(state);
        if written {
            self.writer.write();
        }
    }

    fn counts(&self) -> BTreeMap<i64, i64> {
        let newest = self.checkpoints.newest(|_| true);
        let checkpoint = newest.values().next().unwrap();
        self.counting.counts(&checkpoint.state)
    }
}

fn names(objects: &Arc<InMemory>) -> Vec<String> {
    let listed = objects.list(None).try_collect::<Vec<_>>();
    let mut names: Vec<_> = block_on(listed).unwrap().iter().map(last).collect();
    names.retain(|name| name != "start");
    names.sort();
    names
}

fn tear(objects: &Arc<InMemory>, name: &str) {
    let listed = objects.list(None).try_collect::<Vec<_>>();
    for meta in block_on(listed).unwrap() {
        if last(&meta) == name {
            block_on(objects.put(&meta.location, "torn".into())).unwrap();
        }
    }
}

fn last(meta: &object_store::ObjectMeta) -> String {
    let name = meta.location.filename().unwrap_or_default();
    name.trim_start_matches('0').to_owned()
}

#[test]
fn a_partition_is_taken_over_where_another_process_has_come_to() {
    let objects = Arc::default();
    let (mut one, mut other) = (Process::on(&objects), Process::on(&objects));
    let mut taken = one.take_over();
    one.read(&mut taken, &[1, 2, 2], true);
    // What it has not written is read again.
    one.read(&mut taken, &[3], false);

    let mut taken = other.take_over();
    assert_eq!(taken.from.next, Offset(3));
    assert!(taken.problems.is_empty());
    other.read(&mut taken, &[3, 4], true);
    assert_eq!(
        other.counts(),
        BTreeMap::from([(1, 1), (2, 2), (3, 1), (4, 1)])
    );

    // And back, over what both have.
    let taken = one.take_over();
    assert_eq!(taken.from.next, Offset(5));
    assert_eq!(one.counts(), other.counts());
    // The second needed no base: it rests on what it was taken over at.
    assert_eq!(names(&objects), ["3-base", "5-delta"]);
}

#[test]
fn what_was_pending_before_another_process_went_on_is_no_part_of_a_delta() {
    let objects = Arc::default();
    let (mut one, mut other) = (Process::on(&objects), Process::on(&objects));
    let mut taken = one.take_over();
    one.read(&mut taken, &[1; 9], true);
    one.read(&mut taken, &[2], false);
    let mut taken = other.take_over();
    other.read(&mut taken, &[2, 3], true);
    let mut taken = one.take_over();
    one.read(&mut taken, &[4], true);
    assert_eq!(names(&objects), ["11-delta", "12-base", "9-base"]);
    let third = Process::on(&objects);
    assert_eq!(
        third.counts(),
        BTreeMap::from([(1, 9), (2, 1), (3, 1), (4, 1)])
    );
}

#[test]
fn others_are_followed_and_own_partitions_are_not() {
    let objects = Arc::default();
    let (mut one, other) = (Process::on(&objects), Process::on(&objects));
    let follow = || {
        let followed = other.checkpoints.follow(&partition()).unwrap();
        followed.map(|followed| followed.next)
    };
    let mut taken = one.take_over();
    one.read(&mut taken, &[1; 9], true);
    assert_eq!(follow(), Some(Offset(9)));
    assert_eq!(follow(), Some(Offset(9)));
    one.read(&mut taken, &[1, 5], true);
    assert_eq!(follow(), Some(Offset(11)));
    assert_eq!(other.counts(), BTreeMap::from([(1, 10), (5, 1)]));

    // A worker that has been taken for dead writes on.
    let owner = other.take_over();
    one.read(&mut taken, &[6], true);
    assert_eq!(follow(), None);
    other.checkpoints.release(&partition(), Epoch::default());
    assert_eq!(follow(), None);
    other.checkpoints.release(&partition(), owner.epoch);
    assert_eq!(follow(), Some(Offset(12)));
}

#[test]
fn what_is_followed_rests_on_what_is_held() {
    let objects: Arc<InMemory> = Arc::default();
    let (mut one, other) = (Process::on(&objects), Process::on(&objects));
    let mut taken = one.take_over();
    one.read(&mut taken, &[1; 9], true);
    other.checkpoints.follow(&partition()).unwrap();
    one.read(&mut taken, &[2], true);
    one.read(&mut taken, &[3], true);
    // It is not read again, so nobody misses it.
    let listed = objects.list(None).try_collect::<Vec<_>>();
    let base = block_on(listed).unwrap();
    let base = base.iter().find(|meta| last(meta) == "9-base").unwrap();
    let path: Path = base.location.clone();
    block_on(objects.delete(&path)).unwrap();
    let followed = other.checkpoints.follow(&partition()).unwrap().unwrap();
    assert_eq!((followed.next, followed.problems), (Offset(11), Vec::new()));
    assert_eq!(other.counts(), BTreeMap::from([(1, 9), (2, 1), (3, 1)]));
}

#[test]
fn what_cannot_be_read_is_told_and_read_again_from_kafka() {
    let objects: Arc<InMemory> = Arc::default();
    let (mut one, other) = (Process::on(&objects), Process::on(&objects));
    let mut taken = one.take_over();
    one.read(&mut taken, &[1; 9], true);
    tear(&objects, "9-base");
    let taken = other.take_over();
    assert_eq!(taken.from.next, Offset(0));
    assert_eq!(taken.problems.len(), 1);
}

#[test]
fn what_of_others_cannot_be_read_is_told_when_they_are_followed() {
    let objects: Arc<InMemory> = Arc::default();
    let (mut one, other) = (Process::on(&objects), Process::on(&objects));
    let mut taken = one.take_over();
    one.read(&mut taken, &[1; 9], true);
    one.read(&mut taken, &[2], true);
    tear(&objects, "10-delta");
    let followed = other.checkpoints.follow(&partition()).unwrap().unwrap();
    assert_eq!(followed.next, Offset(9));
    assert_eq!(followed.problems.len(), 1);
    let problem = &followed.problems[0];
    assert!(problem.contains("10-delta: it does not begin"), "{problem}");
    // Also where nothing is newer that can be read.
    let again = other.checkpoints.follow(&partition()).unwrap().unwrap();
    assert_eq!(again, followed);
}
