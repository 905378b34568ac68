//! Measures how records become groups, groups a state, and a state a result.

use consumer::config::{DEFAULT_QUERY, DEFAULT_SCHEMA};
use consumer::engine::changelog::ChangedGroups;
use consumer::engine::query::Query;
use consumer::engine::state::State;
use consumer::schema::TableSchema;
use divan::Bencher;
use divan::counter::ItemsCount;

use crate::input::{CHUNK, groups, query_by_key, state, transactions};

/// The groups of a batch that is merged into a large state.
const BATCH: usize = 1000;

fn default_query() -> Query {
    let table = TableSchema::parse(DEFAULT_SCHEMA).expect("a schema");
    Query::plan(DEFAULT_QUERY, table.table(), &[]).expect("a query")
}

/// Aggregates a chunk of decoded records by the default query.
#[divan::bench]
fn partial(bencher: Bencher<'_, '_>) {
    let records = transactions(CHUNK);
    let mut partial = default_query().partial().expect("a partial");
    bencher
        .counter(ItemsCount::new(CHUNK))
        .bench_local(|| partial.push(records.clone()).expect("records"));
}

/// Computes all that a trigger computes for a batch of 14 decoded records, by the default query.
#[divan::bench]
fn trigger_of_14_records(bencher: Bencher<'_, '_>) {
    let query = default_query();
    let records = transactions(14);
    let kept = State::default();
    bencher.bench_local(|| {
        let mut partial = query.partial().expect("a partial");
        partial.push(records.clone()).expect("records");
        let groups = partial.finish().expect("groups");
        let state = kept.with_batch(&query, groups).expect("a state");
        query.result(state.batches()).expect("a result").rows
    });
}

/// Merges one batch of 1,000 groups into a state of `kept` groups.
#[divan::bench(args = [10_000, 1_000_000])]
fn merge(bencher: Bencher<'_, '_>, kept: usize) {
    let query = query_by_key();
    let state = state(&query, kept);
    let batch = groups(&query, spread(kept, 0));
    bencher
        .with_inputs(|| batch.clone())
        .bench_local_values(|batch| state.with_batch(&query, batch).expect("a state"));
}

/// Merges 64 such batches one after the other. This shows the cost in the long run, with the merges of the state's
/// layers.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn merge_64_in_a_row(bencher: Bencher<'_, '_>, kept: usize) {
    let query = query_by_key();
    let state = state(&query, kept);
    let batches: Vec<_> = (0..64)
        .map(|number| groups(&query, spread(kept, number)))
        .collect();
    bencher
        .counter(ItemsCount::new(batches.len()))
        .with_inputs(|| batches.clone())
        .bench_local_values(|batches| {
            batches.into_iter().fold(state.clone(), |state, batch| {
                state.with_batch(&query, batch).expect("a state")
            })
        });
}

/// Computes the whole result of `kept` groups, as in complete mode.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 10, sample_size = 1)]
fn complete_result(bencher: Bencher<'_, '_>, kept: usize) {
    let query = query_by_key();
    let state = state(&query, kept);
    bencher.bench_local(|| query.result(state.batches()).expect("a result").rows);
}

/// Computes the result of one batch of 1,000 groups that is merged into a state of `kept` groups, as in update mode.
#[divan::bench(args = [10_000, 1_000_000])]
fn update_result(bencher: Bencher<'_, '_>, kept: usize) {
    let query = query_by_key().updating().expect("a query of single groups");
    let keys = query.looked_up_by().expect("keys");
    let state = state(&query, kept);
    let made = groups(&query, spread(kept, 0));
    bencher.bench_local(|| {
        let changed =
            ChangedGroups::of(keys, query.memory(), made.clone(), [&state]).expect("groups");
        query.result(changed.rows).expect("a result").rows
    });
}

/// Returns the keys of batch `number`, spread over a state of `kept` groups.
fn spread(kept: usize, number: usize) -> impl Iterator<Item = usize> {
    (0..BATCH).map(move |key| (key * (kept / BATCH) + number) % kept)
}
