//! Measures how the values of records become Arrow batches, a chunk at a time.

use consumer::config::DEFAULT_SCHEMA;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

use crate::input::{ALL_COLUMNS, CHUNK, META, decoder, values};

#[divan::bench]
fn columns_of_the_default_query(bencher: Bencher<'_, '_>) {
    decode(bencher, DEFAULT_SCHEMA);
}

#[divan::bench]
fn all_columns(bencher: Bencher<'_, '_>) {
    decode(bencher, ALL_COLUMNS);
}

fn decode(bencher: Bencher<'_, '_>, ddl: &str) {
    let values = values(CHUNK);
    let bytes: usize = values.iter().map(Vec::len).sum();
    let mut decoder = decoder(ddl);
    bencher
        .counter(ItemsCount::new(CHUNK))
        .counter(BytesCount::new(bytes))
        .bench_local(|| {
            for value in &values {
                decoder.push(value, &META).expect("a good record");
            }
            decoder.flush()
        });
}
