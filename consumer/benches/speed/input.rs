//! Makes the input of the benchmarks: believable records, and states with a given number of groups.

use std::sync::Arc;

use arrow::array::{Decimal128Array, RecordBatch, StringArray};
use consumer::config::DEFAULT_SCHEMA;
use consumer::engine::query::Query;
use consumer::engine::state::State;
use consumer::format::json::Decoder;
use consumer::format::metadata::RecordMeta;
use consumer::schema::TableSchema;
use producer::{Generator, GeneratorSettings};

/// The number of records that a worker decodes before it aggregates them.
pub const CHUNK: usize = 8192;

/// All columns of a transaction.
pub const ALL_COLUMNS: &str = "transaction_id STRING, timestamp TIMESTAMP, card_number STRING, \
    card_brand STRING, card_holder STRING, amount DECIMAL(12,2), currency STRING, merchant STRING, \
    category STRING, city STRING, country STRING, channel STRING, status STRING, decline_reason STRING";

/// The parts of a record other than its value.
pub const META: RecordMeta<'static> = RecordMeta {
    topic: "transactions",
    partition: 0,
    offset: 0,
    timestamp_ms: None,
    key: None,
    headers: &[],
};

/// Returns the values of `count` transactions.
pub fn values(count: usize) -> Vec<Vec<u8>> {
    let settings = GeneratorSettings {
        seed: Some(42),
        ..GeneratorSettings::default()
    };
    let mut generator = Generator::new(settings);
    (0..count)
        .map(|_| generator.next_record().payload.to_vec())
        .collect()
}

/// Makes a decoder for all columns of `ddl`.
pub fn decoder(ddl: &str) -> Decoder {
    let schema = TableSchema::parse(ddl).expect("a schema");
    let columns: Vec<usize> = (0..schema.columns().fields().len()).collect();
    Decoder::new(&schema, &columns).expect("a decoder")
}

/// Returns `count` transactions with the columns that the default query reads.
pub fn transactions(count: usize) -> RecordBatch {
    let mut decoder = decoder(DEFAULT_SCHEMA);
    for value in values(count) {
        decoder.push(&value, &META).expect("a good record");
    }
    decoder.flush().expect("a batch")
}

/// Plans a query that counts and sums by a key with many values.
pub fn query_by_key() -> Query {
    let table = TableSchema::parse("key STRING, amount DECIMAL(12,2)").expect("a schema");
    let text = "SELECT key, count(*) AS n, sum(amount) AS total FROM transactions GROUP BY key";
    Query::plan(text, table.table(), &[]).expect("a query")
}

/// Returns the groups of a batch whose records have these keys.
pub fn groups(query: &Query, keys: impl Iterator<Item = usize>) -> Vec<RecordBatch> {
    let table = query.table().project(query.columns()).expect("columns");
    let keys: Vec<usize> = keys.collect();
    let mut partial = query.partial().expect("a partial");
    for chunk in keys.chunks(CHUNK) {
        // The multiplication scatters the keys: keys that come together are not neighbours in their order.
        let names = chunk
            .iter()
            .map(|key| format!("{:016x}", key.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let amounts = chunk.iter().map(|key| (key % 100_000) as i128);
        let amounts = Decimal128Array::from_iter_values(amounts)
            .with_precision_and_scale(12, 2)
            .expect("amounts");
        let names = StringArray::from_iter_values(names);
        let names = arrow::compute::cast(&names, table.field(0).data_type());
        let columns = vec![names.expect("names"), Arc::new(amounts) as _];
        let batch = RecordBatch::try_new(Arc::new(table.clone()), columns).expect("a batch");
        partial.push(batch).expect("records");
    }
    partial.finish().expect("groups")
}

/// Returns a state of `count` groups.
pub fn state(query: &Query, count: usize) -> State {
    State::of(query, groups(query, 0..count)).expect("a state")
}
