//! Batches as a query would report them, for the tests of what shows them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use uuid::Uuid;

use crate::event::{Batch, Receipt};
use crate::output_mode::OutputMode;
use crate::progress::{DurationMs, Progress, SourceProgress, StateOperator};

/// The report of batch `id`: 1,200 records in 12 ms, 2 of them bad, 34 not read yet.
pub fn progress(id: u64) -> Progress {
    Progress {
        id: Uuid::nil(),
        run_id: Uuid::nil(),
        name: "card-brands".into(),
        timestamp: format!("2025-01-01T12:00:{:02}.000Z", id % 60),
        batch_id: id,
        batch_duration: 12,
        num_input_rows: 1200,
        input_rows_per_second: 1200.0,
        processed_rows_per_second: 100_000.0,
        duration_ms: DurationMs {
            add_batch: 8,
            query_execution: 4,
            trigger_execution: 12,
        },
        event_time: BTreeMap::new(),
        state_operators: vec![StateOperator {
            operator_name: "aggregate",
            num_rows_total: 6,
            num_rows_updated: 6,
            memory_used_bytes: 2048,
        }],
        sources: vec![SourceProgress {
            description: "Kafka[transactions]".into(),
            start_offset: BTreeMap::new(),
            end_offset: BTreeMap::new(),
            latest_offset: BTreeMap::new(),
            num_input_rows: 1200,
            input_rows_per_second: 1200.0,
            processed_rows_per_second: 100_000.0,
            lag: 34,
            held_back: 0,
        }],
        num_bad_rows: 2,
        num_tombstones: 0,
    }
}

/// Batch `id` with rows of brand, number of transactions and their total in cents.
pub fn brands(id: u64, rows: &[(&str, i64, i128)]) -> Arc<Batch> {
    let total = Decimal128Array::from_iter_values(rows.iter().map(|row| row.2))
        .with_precision_and_scale(22, 2)
        .unwrap();
    let columns: [(&str, ArrayRef); 3] = [
        (
            "card_brand",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
        ),
        (
            "transactions",
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))),
        ),
        ("total", Arc::new(total)),
    ];
    Arc::new(Batch {
        rows: RecordBatch::try_from_iter(columns).unwrap(),
        mode: OutputMode::Complete,
        sorted_by: None,
        others: None,
        progress: progress(id),
        receipt: Receipt::default(),
    })
}

/// What `| head` leaves behind.
pub struct ClosedPipe;

impl Write for ClosedPipe {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
