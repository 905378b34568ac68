//! Makes checkpoints for the corpus: whole checkpoints of several states, chains of them, and broken ones.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray,
    RecordBatch, RecordBatchOptions, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use consumer::checkpoint::format::{self, CheckpointHeader, CheckpointKind};
use consumer::position::{Offset, TopicPartition};
use properties::checkpoint::folder;

const DELTA: u8 = 1;
const SEALED: u8 = 2;

/// Returns an object as it stands in an input.
fn part(what: u8, next: u8, object: &[u8]) -> Vec<u8> {
    let length = u16::try_from(object.len()).unwrap();
    [&[what, next][..], &length.to_le_bytes(), object].concat()
}

fn header(previous: Option<u8>, next: u8) -> CheckpointHeader {
    CheckpointHeader {
        fingerprint: folder().fingerprint,
        partition: folder().partition,
        kind: previous.map_or(CheckpointKind::Base, |previous| CheckpointKind::Delta {
            previous: Offset(previous.into()),
        }),
        start: Offset(1),
        next: Offset(next.into()),
        watermark: Some(1_700_000_000_000_000),
        groups: 0,
    }
}

fn object(header: &CheckpointHeader, state: &RecordBatch) -> Vec<u8> {
    let batches = [state.clone(), state.slice(0, state.num_rows() / 2)];
    format::encode(header, &batches).unwrap().to_vec()
}

fn base(next: u8, state: &RecordBatch) -> Vec<u8> {
    part(0, next, &object(&header(None, next), state))
}

fn delta(previous: u8, next: u8, state: &RecordBatch) -> Vec<u8> {
    part(DELTA, next, &object(&header(Some(previous), next), state))
}

fn state(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn sums() -> RecordBatch {
    let brands = StringViewArray::from(vec![
        Some("Visa"),
        None,
        Some("longer than what a view holds"),
    ]);
    let sums = Decimal128Array::from(vec![Some(42_989), None, Some(-1)]);
    let sums = sums.with_precision_and_scale(38, 2).unwrap();
    let counts = Int64Array::from(vec![3, 2, 1]);
    state(vec![
        ("key", Arc::new(brands)),
        ("sum(amount)[sum]", Arc::new(sums)),
        ("count(*)[count]", Arc::new(counts)),
    ])
}

/// Returns a state for each kind of column that aggregates have, with its name.
fn states() -> Vec<(&'static str, RecordBatch)> {
    let numbers = Int64Array::from(vec![Some(1), None, Some(i64::MIN)]);
    let times = TimestampMicrosecondArray::from(vec![0, -1, i64::MAX]).with_timezone("UTC");
    let lists = vec![Some(vec![Some(1), None]), None, Some(vec![])];
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(lists);
    let words: DictionaryArray<Int32Type> = vec!["pos", "web", "pos"].into_iter().collect();
    let parts = StructArray::from(vec![(
        Arc::new(Field::new("n", DataType::Int64, true)),
        Arc::new(numbers.clone()) as ArrayRef,
    )]);
    let rows = RecordBatchOptions::new().with_row_count(Some(3));
    vec![
        ("sums", sums()),
        ("no-rows", sums().slice(0, 0)),
        ("numbers", state(vec![("key", Arc::new(numbers))])),
        ("times", state(vec![("key", Arc::new(times))])),
        ("lists", state(vec![("key", Arc::new(lists))])),
        ("dictionary", state(vec![("key", Arc::new(words))])),
        ("struct", state(vec![("key", Arc::new(parts))])),
        (
            "flags-and-floats",
            state(vec![
                ("key", Arc::new(BooleanArray::from(vec![true, false, true]))),
                (
                    "mean",
                    Arc::new(Float64Array::from(vec![0.5, f64::NAN, -0.0])),
                ),
            ]),
        ),
        (
            "text",
            state(vec![(
                "key",
                Arc::new(StringArray::from(vec!["東京", "", "São"])),
            )]),
        ),
        (
            "no-columns",
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &rows)
                .unwrap(),
        ),
    ]
}

/// Writes each input into a file of its own in the folder `to`.
pub fn write(to: &Path) {
    let sums = &sums();
    let save = |name: &str, input: Vec<u8>| fs::write(to.join(name), input).unwrap();
    for (name, state) in states() {
        save(&format!("base-of-{name}"), base(9, &state));
        // A fuzzer can change any byte of a sealed object, since its checksums are made right afterwards.
        let sealed = part(SEALED, 9, &object(&header(None, 9), &state));
        save(&format!("sealed-base-of-{name}"), sealed);
    }
    let no_batches = format::encode(&header(None, 9), &[]).unwrap();
    save("base-without-batches", part(0, 9, &no_batches));
    save("chain-of-two", [base(5, sums), delta(5, 9, sums)].concat());
    let three = [base(5, sums), delta(5, 7, sums), delta(7, 9, sums)].concat();
    save("chain-of-three", three);
    save("delta-without-base", delta(5, 9, sums));
    save(
        "chain-after-chain",
        [base(5, sums), delta(5, 7, sums), base(9, sums)].concat(),
    );

    let whole = object(&header(None, 9), sums);
    let torn = part(0, 9, &whole[..whole.len() - 3]);
    save("chain-behind-a-torn-one", [base(5, sums), torn].concat());
    save("torn-in-the-head", part(0, 9, &whole[..20]));
    save("too-long", part(0, 9, &[&whole[..], b"x"].concat()));
    save(
        "foreign",
        part(0, 9, b"not a checkpoint at all, but long enough for one"),
    );
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        bytes
    };
    save("other-format", part(0, 9, &changed(8)));
    save("damaged-header", part(0, 9, &changed(40)));
    save("damaged-state", part(0, 9, &changed(whole.len() - 20)));
    save("sealed-damaged-header", part(SEALED, 9, &changed(40)));
    save(
        "sealed-damaged-state",
        part(SEALED, 9, &changed(whole.len() - 200)),
    );
    save("wrong-name", part(0, 8, &whole));
    let other_start = CheckpointHeader {
        start: Offset(2),
        ..header(Some(5), 9)
    };
    let other_start = part(DELTA, 9, &object(&other_start, sums));
    save(
        "delta-of-another-start",
        [base(5, sums), other_start].concat(),
    );
    let other_types = delta(5, 9, &states().swap_remove(2).1);
    save(
        "delta-of-other-types",
        [base(5, sums), other_types].concat(),
    );
    let elsewhere = CheckpointHeader {
        partition: TopicPartition::new("t", 1),
        ..header(None, 9)
    };
    save(
        "of-another-partition",
        part(0, 9, &object(&elsewhere, sums)),
    );
    save("nothing", Vec::new());
}
