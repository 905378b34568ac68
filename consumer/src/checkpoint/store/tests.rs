//! The same of objects in memory and of local files.

use std::fs;
use std::sync::mpsc;
use std::thread;

use object_store::memory::InMemory;
use tempfile::TempDir;
use testkit::failing_store::{FailingStore, Fault};

use super::*;
use crate::checkpoint::location::Location;
use crate::position::Offset;

/// Runs `test` on an empty store of each kind.
fn on_each(test: impl Fn(&Store)) {
    let memory = Arc::new(InMemory::new());
    test(&Store::new(memory, Path::from("a/b"), "memory:///a/b").unwrap());
    let disk = TempDir::new().unwrap();
    test(&on(&disk));
}

fn on(disk: &TempDir) -> Store {
    let url = url::Url::from_file_path(disk.path().join("not there yet")).unwrap();
    let location = Location::parse(url.as_str(), []).unwrap();
    location.open().unwrap()
}

fn folder(topic: &str, partition: i32) -> Folder {
    Folder {
        fingerprint: "0123456789abcdef".parse().unwrap(),
        partition: TopicPartition::new(topic, partition),
    }
}

fn base(next: i64) -> Name {
    Name::Base(Offset(next))
}

fn delta(next: i64) -> Name {
    Name::Delta(Offset(next))
}

#[test]
fn an_object_is_created_once_and_read_as_it_is() {
    on_each(|store| {
        let folder = folder("t", 0);
        assert_eq!(store.read(&folder, base(1)).unwrap(), None);
        let created = store.create(&folder, base(1), "one".into()).unwrap();
        assert_eq!(created, Created::New);
        let created = store.create(&folder, base(1), "two".into()).unwrap();
        assert_eq!(created, Created::AlreadyThere);
        assert_eq!(store.read(&folder, base(1)).unwrap().unwrap(), "one");
        store.replace(&folder, base(1), "three".into()).unwrap();
        assert_eq!(store.read(&folder, base(1)).unwrap().unwrap(), "three");
    });
}

#[test]
fn a_folder_lists_its_own_objects_by_their_offset() {
    on_each(|store| {
        let (own, other) = (folder("t", 1), folder("t", 11));
        assert_eq!(store.list(&own).unwrap(), []);
        for name in [delta(100), base(99), base(100), delta(7)] {
            store.create(&own, name, "12345".into()).unwrap();
        }
        store.create_start(&own, "0".into()).unwrap();
        store.create(&other, base(1), "1".into()).unwrap();
        let listed = store.list(&own).unwrap();
        let names: Vec<Name> = listed.iter().map(|stored| stored.name).collect();
        assert_eq!(names, [delta(7), base(99), base(100), delta(100)]);
        assert!(listed.iter().all(|stored| stored.bytes == 5));
    });
}

#[test]
fn partitions_of_any_topic_are_listed() {
    on_each(|store| {
        let folders = [folder("a-1", 2), folder("b", 0), folder("b.c_d", 10)];
        let fingerprint = folders[0].fingerprint;
        assert_eq!(store.partitions(fingerprint).unwrap(), []);
        store.set_identity(fingerprint, "{}".into()).unwrap();
        for folder in &folders {
            store.create(folder, base(1), "1".into()).unwrap();
        }
        let partitions = folders.map(|folder| folder.partition);
        assert_eq!(store.partitions(fingerprint).unwrap(), partitions);
    });
}

#[test]
fn heads_are_no_longer_than_a_header_needs() {
    on_each(|store| {
        let folder = folder("t", 0);
        for (name, bytes) in [(base(1), 0), (base(2), 5), (base(3), 3 * HEAD_BYTES)] {
            store.create(&folder, name, vec![7; bytes].into()).unwrap();
        }
        let mut objects = store.list(&folder).unwrap();
        objects.push(Stored {
            name: base(4),
            ..objects[1]
        });
        let heads = store.read_heads(&folder, &objects).unwrap();
        let lengths: Vec<_> = heads
            .iter()
            .map(|head| head.as_ref().map(Bytes::len))
            .collect();
        assert_eq!(lengths, [Some(0), Some(5), Some(HEAD_BYTES), None]);
    });
}

#[test]
fn what_is_deleted_is_gone_and_may_have_been_before() {
    on_each(|store| {
        let folder = folder("t", 0);
        for next in 1..4 {
            store.create(&folder, base(next), "1".into()).unwrap();
        }
        store.delete(&folder, &[base(1), base(9), base(2)]).unwrap();
        let left = store.list(&folder).unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].name, base(3));
    });
}

#[test]
fn a_query_is_forgotten_and_others_are_not() {
    on_each(|store| {
        let own = folder("t", 0);
        let other = Folder {
            fingerprint: "0000000000000001".parse().unwrap(),
            ..own.clone()
        };
        for folder in [&own, &other] {
            store.create(folder, base(1), "1".into()).unwrap();
            store.set_identity(folder.fingerprint, "{}".into()).unwrap();
        }
        store.forget(own.fingerprint).unwrap();
        assert_eq!(store.list(&own).unwrap(), []);
        assert_eq!(store.identity(own.fingerprint).unwrap(), None);
        assert_eq!(store.list(&other).unwrap().len(), 1);
    });
}

#[test]
fn current_is_set_by_whoever_knows_it() {
    on_each(|store| {
        assert!(store.current().unwrap().is_none());
        assert!(store.set_current(None, "one").unwrap());
        assert!(!store.set_current(None, "two").unwrap());
        let one = store.current().unwrap().unwrap();
        assert_eq!(one.text, "one");
        assert!(store.set_current(Some(&one), "two").unwrap());
        assert!(!store.set_current(Some(&one), "three").unwrap());
        assert_eq!(store.current().unwrap().unwrap().text, "two");
        // It is so when the answer to the first request was lost.
        assert!(store.set_current(Some(&one), "two").unwrap());
    });
}

#[test]
fn the_layout_on_the_disk_is_as_documented() {
    let disk = TempDir::new().unwrap();
    let store = on(&disk);
    let folder = folder("transactions", 3);
    store.create(&folder, base(12), "1".into()).unwrap();
    store.create(&folder, delta(34), "1".into()).unwrap();
    store.create_start(&folder, "1".into()).unwrap();
    store.set_identity(folder.fingerprint, "{}".into()).unwrap();
    store.set_current(None, "0123456789abcdef").unwrap();
    let root = disk.path().join("not there yet");
    for file in [
        "current",
        "0123456789abcdef/query.json",
        "0123456789abcdef/transactions-3/start",
        "0123456789abcdef/transactions-3/00000000000000000012-base",
        "0123456789abcdef/transactions-3/00000000000000000034-delta",
    ] {
        assert!(root.join(file).is_file(), "{file}");
    }
    assert_eq!(
        fs::read_to_string(root.join("current")).unwrap(),
        "0123456789abcdef\n"
    );
}

#[test]
fn reading_makes_no_folder() {
    let disk = TempDir::new().unwrap();
    let store = on(&disk);
    let folder = folder("t", 0);
    assert!(store.current().unwrap().is_none());
    assert_eq!(store.list(&folder).unwrap(), []);
    assert_eq!(store.partitions(folder.fingerprint).unwrap(), []);
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0);
}

#[test]
fn an_error_names_what_was_done_and_where() {
    let disk = TempDir::new().unwrap();
    fs::write(disk.path().join("not there yet"), "a file").unwrap();
    let store = on(&disk);
    let error = store
        .create(&folder("t", 0), base(1), "1".into())
        .unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("cannot write "), "{error}");
    assert!(error.contains("CHECKPOINT_LOCATION=file:///"), "{error}");
}

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

const QUICK: Limits = Limits {
    answer: Duration::from_millis(50),
    transfer: Duration::from_millis(50),
};

/// Does `act` with the store on a thread of its own, which must end.
fn ends(store: Store, act: impl FnOnce(Store) + Send + 'static) {
    let (ended, ends) = mpsc::channel();
    let acting = thread::spawn(move || {
        act(store);
        ended.send(()).unwrap();
    });
    if ends.recv_timeout(DEADLINE) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("it has not ended");
    }
    acting.join().unwrap();
}

#[test]
fn a_disk_that_does_not_answer_is_given_up() {
    let disk = TempDir::new().unwrap();
    let store = on(&disk);
    store.set_current(None, "one").unwrap();
    // Another process does not give it back.
    let lock = fs::File::create(disk.path().join("not there yet/current.lock")).unwrap();
    lock.lock().unwrap();
    ends(store, |mut store| {
        let one = store.current().unwrap();
        let patient = std::mem::replace(&mut store.limits, QUICK);
        let error = store.set_current(one.as_ref(), "two").unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
        // Others are served, and nobody waits for the end of what was given up.
        store.limits = patient;
        assert_eq!(store.current().unwrap().unwrap().text, "one");
        store.create(&folder("t", 0), base(1), "1".into()).unwrap();
        drop(store);
    });
    drop(lock);
}

#[test]
fn a_store_that_does_not_answer_is_given_up_whatever_it_is_asked() {
    let store = || {
        let silent = FailingStore::new(Arc::default(), |_request| Some(Fault::Silent));
        Store::new(Arc::new(silent), Path::from("a"), "silent:///a").unwrap()
    };
    let one = Stored {
        name: base(1),
        bytes: 5,
        written: Default::default(),
    };
    let asked: [fn(&Store, Stored) -> bool; 8] = [
        |store, one| store.read_heads(&folder("t", 0), &[one]).is_err(),
        |store, _| store.forget(folder("t", 0).fingerprint).is_err(),
        |store, one| store.read(&folder("t", 0), one.name).is_err(),
        |store, one| store.has(&folder("t", 0), one.name).is_err(),
        |store, one| store.delete(&folder("t", 0), &[one.name]).is_err(),
        |store, one| {
            store
                .replace(&folder("t", 0), one.name, "1".into())
                .is_err()
        },
        |store, _| store.partitions(folder("t", 0).fingerprint).is_err(),
        |store, _| store.list(&folder("t", 0)).is_err() && store.current().is_err(),
    ];
    for ask in asked {
        ends(store(), move |mut store| {
            store.limits = QUICK;
            assert!(ask(&store, one));
        });
    }
}
