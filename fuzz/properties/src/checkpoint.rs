//! Checks what must hold when checkpoints are read from objects of any bytes: reading never panics, never allocates
//! memory for a length that nobody has checked, and finds the newest state that is whole.
//!
//! An input is the objects of one partition's folder. Each object begins with a byte of flags, its offset in one byte,
//! and its length in two bytes, the lower one first. Flag 1 makes the object a delta instead of a base. Flag 2 makes
//! its lengths and checksums right, so that the code behind these checks is reached. If the last object is shorter than
//! its length says, it takes what is left.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use chrono::Utc;
use consumer::checkpoint::chain::{self, Recovered};
use consumer::checkpoint::format::{self, CheckpointKind, HEAD_BYTES};
use consumer::checkpoint::identity::Description;
use consumer::checkpoint::listing;
use consumer::checkpoint::name::{Folder, Name};
use consumer::checkpoint::store::Store;
use consumer::engine::query::Query;
use consumer::position::{Offset, TopicPartition};
use consumer::schema::TableSchema;
use consumer::ui::checkpoints;
use object_store::memory::InMemory;
use object_store::path::Path;
use twox_hash::XxHash3_64;

const DELTA: u8 = 1;
const SEALED: u8 = 2;

/// Reads `input` and panics when a property does not hold.
pub fn check(input: &[u8]) {
    let store = Store::new(Arc::new(InMemory::new()), Path::from("x"), "memory:///x");
    let store = store.expect("a store");
    let folder = folder();
    let mut newest_base = None;
    for (name, object) in objects(input) {
        check_object(&object);
        store
            .create(&folder, name, object.clone())
            .expect("memory takes all");
        // A name keeps the first object that is created under it.
        if store.read(&folder, name).expect("an answer").as_ref() == Some(&object)
            && is_base(&object, name)
        {
            newest_base = newest_base.max(Some(name.next()));
        }
    }

    let listed = store.list(&folder).expect("an answer");
    let recovered = recover(&store);
    check_listing(&store, recovered.newest.is_some());
    assert_eq!(
        store.list(&folder).expect("an answer"),
        listed,
        "written to"
    );
    let next = recovered.newest.as_ref().map(|newest| newest.tip.next());
    assert!(next >= newest_base, "{next:?} before {newest_base:?}");
    let mut problems = recovered.problems.clone();
    problems.sort();
    problems.dedup();
    assert_eq!(problems.len(), recovered.problems.len(), "told twice");
    if let Some(newest) = recovered.newest {
        let tip = newest.tip;
        assert!(listed.iter().any(|stored| stored.name == tip.name));
        assert!(tip.start <= tip.next(), "{tip:?}");
    }
}

/// Returns the folder in which the objects are.
pub fn folder() -> Folder {
    Folder {
        fingerprint: "0123456789abcdef".parse().expect("a fingerprint"),
        partition: TopicPartition::new("t", 0),
    }
}

fn recover(store: &Store) -> Recovered {
    chain::recover(store, &folder()).expect("memory answers")
}

/// The description of a query with one key. It is made once, since planning takes longer than everything else here.
static DESCRIPTION: LazyLock<Bytes> = LazyLock::new(|| {
    let columns = TableSchema::parse("key STRING").expect("a schema");
    let query = Query::plan(
        "SELECT DISTINCT key FROM transactions",
        columns.table(),
        &[],
    );
    let query = query.expect("a query");
    let description = Description::of(&query, &["t".to_owned()], columns.columns());
    serde_json::to_vec(&description).expect("JSON").into()
});

/// Checks that checkpoints are listed, and that their rows are shown as text or give an error.
fn check_listing(store: &Store, has_state: bool) {
    let fingerprint = folder().fingerprint;
    let set = store.set_identity(fingerprint, DESCRIPTION.clone());
    set.expect("memory takes all");
    let set = store.set_current(None, &fingerprint.to_string());
    assert!(set.expect("memory takes all"));
    let listing = listing::list(store).expect("memory answers");
    let newest = listing.partitions.iter().any(|kept| kept.newest.is_some());
    assert_eq!(newest, has_state);
    let mut out = Vec::new();
    checkpoints::list_table(&mut out, &listing, Utc::now()).expect("a table");
    checkpoints::list_json(&mut out, &listing).expect("lines of JSON");
    if let Ok(shown) = listing::show(store, &folder().partition) {
        // A value may be a date or time that no calendar has, so an error is allowed.
        let _ = checkpoints::state_table(&mut out, &shown, 5);
        let _ = checkpoints::state_json(&mut out, &shown);
    }
}

/// Checks that an object's header is the same whether it is read alone or with the whole object, and that a checkpoint
/// that can be written again is read with the same header.
fn check_object(object: &Bytes) {
    let head = object.slice(..object.len().min(HEAD_BYTES));
    let header = format::decode_header(&head, object.len() as u64);
    let Ok((read, batches)) = format::decode(object) else {
        return;
    };
    assert_eq!(header.expect("the header of a whole object"), read);
    if let Ok(again) = format::encode(&read, &batches) {
        let (header, _) = format::decode(&again).expect("what was just written");
        assert_eq!(header, read);
    }
}

fn is_base(object: &Bytes, name: Name) -> bool {
    let Ok((header, _)) = format::decode(object) else {
        return false;
    };
    header.kind == CheckpointKind::Base
        && header.name() == name
        && header.partition == folder().partition
        && header.fingerprint == folder().fingerprint
}

fn objects(mut input: &[u8]) -> Vec<(Name, Bytes)> {
    let mut objects = Vec::new();
    while let Some((&[what, next, low, high], rest)) = input.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        let next = Offset(next.into());
        let name = match what & DELTA {
            0 => Name::Base(next),
            _ => Name::Delta(next),
        };
        let object = match what & SEALED {
            0 => bytes.to_vec(),
            _ => sealed(bytes.to_vec()),
        };
        objects.push((name, object.into()));
        input = rest;
    }
    objects
}

/// Returns the object with its magic bytes, lengths and checksums made right. The format is 24 bytes, the header, a
/// checksum, the state, and a checksum. The header's length stays as it is, if there is room for it.
fn sealed(mut object: Vec<u8>) -> Vec<u8> {
    const PREFIX: usize = 24;
    const SUM: usize = 8;
    let Some(room) = object.len().checked_sub(PREFIX + 2 * SUM) else {
        return object;
    };
    let header: [u8; 4] = object[12..16].try_into().expect("four bytes");
    let header = (u32::from_le_bytes(header) as usize).min(room);
    let state = (room - header) as u64;
    object[..8].copy_from_slice(b"CARDSTRM");
    object[12..16].copy_from_slice(&(header as u32).to_le_bytes());
    object[16..24].copy_from_slice(&state.to_le_bytes());
    for end in [PREFIX + header, object.len() - SUM] {
        let sum = XxHash3_64::oneshot(&object[..end]).to_le_bytes();
        object[end..end + SUM].copy_from_slice(&sum);
    }
    object
}
