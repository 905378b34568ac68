//! Shows the dashboard with made-up events, to work on its looks without brokers or records.
//!
//! ```text
//! cargo run -p consumer --example dashboard -- [demo] [wide] [append] [slow] [silent] [panic]
//! ```
//!
//! With `demo` the header says that this is a demo. With `wide` the result has many columns. With `append` rows are
//! streamed. With `slow` the first batch takes 15 s. With `silent` no record ever arrives. With `panic` a thread of the
//! query panics after 3 s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use consumer::command::QueryCommand;
use consumer::event::{
    Batch, Broker, Heartbeat, Level, NamedEvent, Notice, QueryEvent, Receipt, Started,
};
use consumer::output_mode::OutputMode;
use consumer::progress::{DurationMs, Progress, SourceProgress, StateOperator};
use consumer::ui::terminal::{self, theme::Theme};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::error::ArrowError;
use uuid::Uuid;

const BRANDS: [(&str, f64); 7] = [
    ("Visa", 0.44),
    ("Mastercard", 0.29),
    ("American Express", 0.11),
    ("UnionPay 银联", 0.07),
    ("Discover", 0.05),
    ("JCB", 0.03),
    ("\u{1b}[31mhostile\u{202e}", 0.01),
];

/// The rows of the last result that are printed once the screen is gone.
const ROWS: usize = 20;

fn main() -> anyhow::Result<()> {
    let (events, received) = crossbeam_channel::unbounded();
    let (commands, asked) = crossbeam_channel::unbounded();
    let flags: Vec<String> = std::env::args().skip(1).collect();
    let query = std::thread::Builder::new()
        .name("query".into())
        .spawn(move || Query::new(flags).run(&events, &asked))?;
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let theme = if plain {
        Theme::plain()
    } else {
        Theme::coloured()
    };
    let ended = terminal::run(received, commands, theme, ROWS)?;
    if ended.end == terminal::DashboardEnd::Stopped {
        let _ = query.join();
    }
    if let Some(last) = ended.last {
        consumer::ui::table::Table::new(std::io::stdout(), ROWS).shown(&last)?;
    }
    Ok(())
}

fn named(event: QueryEvent) -> NamedEvent {
    let query = "card-brands".into();
    NamedEvent { query, event }
}

struct Query {
    flags: Vec<String>,
    random: u64,
    groups: [(i64, i128, i128); BRANDS.len()],
    interval: Duration,
    records: u64,
    dead: u64,
    lag: u64,
}

impl Query {
    fn new(flags: Vec<String>) -> Self {
        let interval = Duration::from_secs(1);
        Self {
            flags,
            random: 7,
            groups: [(0, 0, 0); BRANDS.len()],
            interval,
            records: 0,
            dead: 0,
            lag: 0,
        }
    }

    fn is(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// Returns a random number from 0 to below 1.
    fn random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }

    fn run(
        mut self,
        events: &Sender<NamedEvent>,
        asked: &Receiver<QueryCommand>,
    ) -> Result<(), ArrowError> {
        let tell = |event| drop(events.send(named(event)));
        let demo = match self.is("demo") {
            true => vec![
                "embedded broker, made-up cards".into(),
                "your own: BOOTSTRAP_SERVERS=host:9092 TOPIC=… cargo run".into(),
            ],
            false => Vec::new(),
        };
        tell(QueryEvent::Started(Arc::new(Started {
            name: "card-brands".into(),
            topics: vec!["transactions".into()],
            query: "SELECT card_brand, count(*) AS transactions,\n       sum(amount) AS total, max(amount) AS largest\nFROM transactions\nWHERE currency = 'EUR'\nGROUP BY card_brand\nORDER BY transactions DESC".into(),
            workers: 2,
            interval: Some(self.interval),
            demo,
        })));
        tell(QueryEvent::Reading);
        self.brokers(events, true);
        self.note(events, Level::Info, "assigned: transactions 0–11");
        let start = Instant::now();
        let first = start
            + if self.is("slow") {
                Duration::from_secs(15)
            } else {
                Duration::from_millis(1500)
            };
        self.lag = if self.is("slow") { 6_000_000 } else { 400_000 };
        let (mut id, mut next, mut lost, mut taken) = (0, first, None, 0);
        loop {
            match asked.recv_timeout(Duration::from_millis(200)) {
                Ok(QueryCommand::Stop) => {
                    std::thread::sleep(Duration::from_millis(700));
                    tell(QueryEvent::Stopped);
                    return Ok(());
                }
                Ok(QueryCommand::SetInterval(interval)) => {
                    self.interval = interval;
                    next = next.min(Instant::now() + interval);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            let passed = start.elapsed().as_secs();
            if self.is("panic") && passed >= 3 {
                #[allow(clippy::panic)]
                {
                    panic!("as asked for");
                }
            }
            let mut rate = 4000.0 + 2500.0 * (passed as f64 / 9.0).sin() + 1500.0 * self.random();
            if id == 0 {
                rate = if self.is("slow") { 80_000.0 } else { 40_000.0 };
            } else if passed % 40 > 34 {
                rate *= 3.0;
            }
            let records = if self.is("silent") {
                0
            } else {
                (rate * 0.2) as u64
            };
            self.read(records);
            self.lag = if id == 0 {
                self.lag.saturating_sub(records * 5)
            } else {
                (self.lag + (self.random() * 90.0) as u64).saturating_sub(45)
            };
            taken += records;
            // A broker goes away at 15 s and comes back at 24 s, again and again.
            let gone = passed % 40 >= 15 && passed % 40 < 24;
            if Some(gone) != lost && passed > 2 {
                lost = Some(gone);
                self.brokers(events, !gone);
                if gone {
                    self.note(
                        events,
                        Level::Warning,
                        "broker transport failure: localhost:9094: Connection refused",
                    );
                    self.note(events, Level::Info, "revoked: transactions 8–11");
                }
            }
            if Instant::now() >= next && !self.is("silent") {
                let duration =
                    9 + (self.random() * 14.0) as u64 + if passed % 40 == 36 { 1100 } else { 0 };
                let batch = self.batch(id, taken, duration)?;
                tell(QueryEvent::Batch(Arc::new(batch)));
                (id, taken) = (id + 1, 0);
                next = Instant::now() + self.interval;
            }
            let wait = next.saturating_duration_since(Instant::now());
            tell(QueryEvent::Heartbeat(Heartbeat {
                records: self.records,
                bytes: self.records * 341,
                dead_letters: self.dead,
                tombstones: 0,
                lag: self.lag,
                held_back: None,
                partitions: 12,
                others: None,
                paused: usize::from(gone),
                memory_short: false,
                next_trigger: (id > 0).then_some(wait),
                interval: Some(self.interval),
            }));
        }
    }

    fn note(&self, events: &Sender<NamedEvent>, level: Level, text: &str) {
        drop(events.send(named(QueryEvent::Notice(Notice {
            at: Utc::now(),
            level,
            text: text.into(),
        }))));
    }

    fn brokers(&self, events: &Sender<NamedEvent>, all: bool) {
        let broker = |id: i32| Broker {
            id,
            address: format!("localhost:{}", 9091 + id),
            up: all || id != 3,
        };
        let brokers = (1..=3).map(broker).collect();
        drop(events.send(named(QueryEvent::Brokers(brokers))));
    }

    fn read(&mut self, records: u64) {
        for _ in 0..records {
            let mut pick = self.random();
            let cents = (self.random().powi(6) * 500_000.0) as i128 + 99;
            if self.random() < 0.0001 {
                self.dead += 1;
            }
            for (group, (_, share)) in self.groups.iter_mut().zip(BRANDS) {
                pick -= share;
                if pick <= 0.0 {
                    *group = (group.0 + 1, group.1 + cents, group.2.max(cents));
                    break;
                }
            }
        }
        self.records += records;
    }

    fn batch(&mut self, id: u64, records: u64, duration: u64) -> Result<Batch, ArrowError> {
        let rows = if self.is("append") {
            self.stream()?
        } else {
            self.result()?
        };
        let progress = Progress {
            id: Uuid::nil(),
            run_id: Uuid::nil(),
            name: "card-brands".into(),
            timestamp: Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            batch_id: id,
            batch_duration: duration,
            num_input_rows: records,
            input_rows_per_second: records as f64 / self.interval.as_secs_f64(),
            processed_rows_per_second: records as f64 / (duration as f64 / 1000.0),
            duration_ms: DurationMs {
                add_batch: duration * 2 / 3,
                query_execution: duration / 3,
                trigger_execution: duration,
            },
            event_time: Default::default(),
            state_operators: vec![StateOperator {
                operator_name: "aggregate",
                num_rows_total: rows.num_rows() as u64,
                num_rows_updated: 40,
                memory_used_bytes: 14_328,
            }],
            sources: vec![SourceProgress {
                description: "Kafka[transactions]".into(),
                start_offset: Default::default(),
                end_offset: Default::default(),
                latest_offset: Default::default(),
                num_input_rows: records,
                input_rows_per_second: 0.0,
                processed_rows_per_second: 0.0,
                lag: self.lag,
                held_back: 0,
            }],
            num_bad_rows: 0,
            num_tombstones: 0,
        };
        Ok(Batch {
            rows,
            mode: match self.is("append") {
                true => OutputMode::Append,
                false => OutputMode::Complete,
            },
            sorted_by: None,
            others: None,
            progress,
            receipt: Receipt::default(),
        })
    }

    fn result(&self) -> Result<RecordBatch, ArrowError> {
        let mut rows: Vec<_> = BRANDS
            .iter()
            .map(|brand| brand.0)
            .zip(self.groups)
            .filter(|row| row.1.0 > 0)
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.1.0));
        let decimal = |values: Vec<i128>| {
            Decimal128Array::from(values)
                .with_precision_and_scale(22, 2)
                .map(|array| Arc::new(array) as ArrayRef)
        };
        let mut columns: Vec<(String, ArrayRef)> = vec![
            (
                "card_brand".into(),
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.0))),
            ),
            (
                "transactions".into(),
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1.0))),
            ),
            (
                "total".into(),
                decimal(rows.iter().map(|row| row.1.1).collect())?,
            ),
            (
                "largest".into(),
                decimal(rows.iter().map(|row| row.1.2).collect())?,
            ),
        ];
        if self.is("wide") {
            for i in 1..12 {
                let share = rows
                    .iter()
                    .map(|row| row.1.0 as f64 / (i * self.records) as f64);
                columns.push((
                    format!("share_of_{i}"),
                    Arc::new(Float64Array::from_iter_values(share)),
                ));
            }
        }
        RecordBatch::try_from_iter(columns)
    }

    fn stream(&mut self) -> Result<RecordBatch, ArrowError> {
        let picks: Vec<(usize, i64)> = (0..5)
            .map(|_| ((self.random() * 7.0) as usize, (self.random() * 1e6) as i64))
            .collect();
        RecordBatch::try_from_iter([
            (
                "merchant",
                Arc::new(StringArray::from_iter_values(
                    picks
                        .iter()
                        .map(|pick| format!("{} & sons 🛒", BRANDS[pick.0].0)),
                )) as ArrayRef,
            ),
            (
                "cents",
                Arc::new(Int64Array::from_iter_values(
                    picks.iter().map(|pick| pick.1),
                )),
            ),
        ])
    }
}
