//! Measures how a frame of the dashboard is drawn, how a batch changes the snapshot, and how the texts of a result are
//! made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};
use chrono::{DateTime, Utc};
use consumer::event::{Batch, QueryEvent, Receipt, Started};
use consumer::output_mode::OutputMode;
use consumer::progress::{DurationMs, Progress};
use consumer::status::result::QueryResult;
use consumer::status::updater::Updater;
use consumer::ui::terminal::render::render;
use consumer::ui::terminal::table::ResultTable;
use consumer::ui::terminal::terminal_snapshot::TerminalSnapshot;
use consumer::ui::terminal::theme::Theme;
use consumer::ui::terminal::view::View;
use divan::Bencher;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// Draws a frame of 120 columns and 40 lines, for a result of `rows` rows.
#[divan::bench(args = [6, 5000])]
fn frame(bencher: Bencher<'_, '_>, rows: i64) {
    let shown = TerminalSnapshot::default().after(&mut after_batches(rows), NOW);
    let view = View::new(Theme::coloured());
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).expect("a terminal");
    bencher.bench_local(|| {
        terminal
            .draw(|frame| render(frame, &shown, &view, NOW))
            .expect("a frame")
            .count
    });
}

/// Applies a batch's result to the snapshot.
#[divan::bench(args = [6, 5000])]
fn snapshot(bencher: Bencher<'_, '_>, rows: i64) {
    let mut updater = after_batches(rows);
    let event = batch(3, rows);
    bencher.bench_local(|| updater.apply(&event, NOW));
}

/// Makes the texts of a result, which happens once a batch.
#[divan::bench(args = [6, 5000])]
fn table(bencher: Bencher<'_, '_>, rows: i64) {
    let updater = after_batches(rows);
    let result: &QueryResult = &updater.snapshot().result;
    bencher.bench_local(|| ResultTable::default().after(result).expect("texts"));
}

fn after_batches(rows: i64) -> Updater {
    let mut updater = Updater::default();
    let started = QueryEvent::Started(Arc::new(Started {
        name: "bench".to_owned(),
        topics: vec!["transactions".to_owned()],
        query: consumer::config::DEFAULT_QUERY.to_owned(),
        workers: 1,
        interval: Some(Duration::from_secs(1)),
        demo: Vec::new(),
    }));
    updater.apply(&started, NOW);
    for id in 0..3 {
        updater.apply(&batch(id, rows), NOW);
    }
    updater
}

fn batch(id: u64, rows: i64) -> QueryEvent {
    let names = StringArray::from_iter_values((0..rows).map(|row| format!("brand {row}")));
    let counts = Int64Array::from_iter_values((0..rows).map(|row| 1000 * row + id as i64));
    let totals = (0..rows).map(|row| i128::from(row * 12_345) + i128::from(id));
    let totals = Decimal128Array::from_iter_values(totals)
        .with_precision_and_scale(22, 2)
        .expect("totals");
    let columns: [(&str, ArrayRef); 3] = [
        ("card_brand", Arc::new(names)),
        ("transactions", Arc::new(counts)),
        ("total", Arc::new(totals)),
    ];
    QueryEvent::Batch(Arc::new(Batch {
        rows: RecordBatch::try_from_iter(columns).expect("rows"),
        mode: OutputMode::Complete,
        sorted_by: None,
        others: None,
        progress: progress(id),
        receipt: Receipt::default(),
    }))
}

fn progress(id: u64) -> Progress {
    Progress {
        id: Uuid::nil(),
        run_id: Uuid::nil(),
        name: "bench".to_owned(),
        timestamp: "2025-01-01T12:00:00.000Z".to_owned(),
        batch_id: id,
        batch_duration: 3,
        num_input_rows: 14,
        input_rows_per_second: 14.0,
        processed_rows_per_second: 4666.0,
        duration_ms: DurationMs::default(),
        event_time: BTreeMap::new(),
        state_operators: Vec::new(),
        sources: Vec::new(),
        num_bad_rows: 0,
        num_tombstones: 0,
    }
}
