//! Tests what the store promises of its objects.

use std::collections::BTreeSet;

use bytes::Bytes;
use consumer::checkpoint::format::HEAD_BYTES;
use consumer::checkpoint::name::{Folder, Name, Stored};
use consumer::checkpoint::store::Created;
use consumer::position::{Offset, TopicPartition};
use libtest_mimic::Trial;

use super::server::Server;
use super::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("s3_creates_an_object_once", created),
        trial("s3_lists_a_folders_own_objects_by_their_offset", listed),
        trial("s3_lists_and_forgets_more_than_one_answer_holds", many),
        trial("s3_sends_of_an_object_no_more_than_its_head", heads),
        trial("s3_forgets_one_query_and_keeps_the_others", forgotten),
        trial("s3_sets_current_for_whoever_knows_it", current),
        trial("s3_names_the_bucket_that_is_missing", no_bucket),
    ]
}

pub fn folder(topic: &str, partition: i32) -> Folder {
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

fn created(server: &Server) {
    let (store, folder) = (server.store("created"), folder("t", 0));
    assert_eq!(store.read(&folder, base(1)).unwrap(), None);
    assert!(!store.has(&folder, base(1)).unwrap());
    for (bytes, outcome) in [("one", Created::New), ("two", Created::AlreadyThere)] {
        let created = store.create(&folder, base(1), bytes.into()).unwrap();
        assert_eq!(created, outcome);
        assert_eq!(store.read(&folder, base(1)).unwrap().unwrap(), "one");
    }
    assert!(store.has(&folder, base(1)).unwrap());
    store.replace(&folder, base(1), "three".into()).unwrap();
    assert_eq!(store.read(&folder, base(1)).unwrap().unwrap(), "three");
    for outcome in [Created::New, Created::AlreadyThere] {
        assert_eq!(store.create_start(&folder, "7".into()).unwrap(), outcome);
    }
    assert_eq!(store.start(&folder).unwrap().unwrap(), "7");
}

fn listed(server: &Server) {
    let store = server.store("listed");
    let (own, other) = (folder("a.b_c-1", 1), folder("a.b_c-1", 11));
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
    let partitions = store.partitions(own.fingerprint).unwrap();
    assert_eq!(partitions, [own.partition.clone(), other.partition]);

    store.delete(&own, &[delta(7), delta(8), base(99)]).unwrap();
    let left: Vec<Name> = store.list(&own).unwrap().iter().map(|of| of.name).collect();
    assert_eq!(left, [base(100), delta(100)]);
}

/// Writes more objects than S3 lists or deletes at a time, which is a thousand.
fn many(server: &Server) {
    let (store, folder) = (server.store("many"), folder("t", 0));
    let written: BTreeSet<i64> = (0..1_050).map(|n| n * 10).collect();
    for &next in &written {
        store.create(&folder, base(next), "1".into()).unwrap();
    }
    let listed = store.list(&folder).unwrap();
    let listed: Vec<i64> = listed.iter().map(|stored| stored.name.next().0).collect();
    assert_eq!(listed, written.into_iter().collect::<Vec<_>>());
    store.forget(folder.fingerprint).unwrap();
    assert_eq!(store.list(&folder).unwrap(), []);
}

fn heads(server: &Server) {
    let (store, folder) = (server.store("heads"), folder("t", 0));
    for (name, bytes) in [(base(1), 0), (base(2), 5), (base(3), 3 * HEAD_BYTES)] {
        store.create(&folder, name, vec![7; bytes].into()).unwrap();
    }
    let mut objects = store.list(&folder).unwrap();
    objects.push(Stored {
        name: base(4),
        ..objects[1]
    });
    let heads = store.read_heads(&folder, &objects).unwrap();
    let lengths = heads.iter().map(|head| head.as_ref().map(Bytes::len));
    let expected = [Some(0), Some(5), Some(HEAD_BYTES), None];
    assert_eq!(lengths.collect::<Vec<_>>(), expected);
}

fn forgotten(server: &Server) {
    let (store, own) = (server.store("forgotten"), folder("t", 0));
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
    assert_eq!(store.identity(other.fingerprint).unwrap().unwrap(), "{}");
}

fn current(server: &Server) {
    let store = server.store("current");
    assert!(store.current().unwrap().is_none());
    assert!(store.set_current(None, "one").unwrap());
    assert!(!store.set_current(None, "two").unwrap());
    let one = store.current().unwrap().unwrap();
    assert_eq!(one.text, "one");
    assert!(store.set_current(Some(&one), "two").unwrap());
    assert!(!store.set_current(Some(&one), "three").unwrap());
    assert_eq!(store.current().unwrap().unwrap().text, "two");
    // A request may be repeated when its answer was lost; it succeeds again.
    assert!(store.set_current(Some(&one), "two").unwrap());
}

fn no_bucket(server: &Server) {
    let location = consumer::checkpoint::location::Location::parse(
        "s3://no-such-bucket/x",
        server.environment(),
    );
    let store = location.unwrap().open().unwrap();
    let error = store.set_current(None, "one").unwrap_err().to_string();
    for words in ["cannot write ", "s3://no-such-bucket/x", "NoSuchBucket"] {
        assert!(error.contains(words), "{error}");
    }
}
