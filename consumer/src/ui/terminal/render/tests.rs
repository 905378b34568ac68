//! Pictures of the whole dashboard, stored as text, so that a review sees what is drawn.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use chrono::{DateTime, TimeDelta, Utc};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};

use super::render;
use crate::event::samples::{brands, progress};
use crate::event::{
    Batch, Broker, Heartbeat, HeldBack, Level, Notice, QueryEvent, Receipt, Started,
};
use crate::output_mode::OutputMode;
use crate::status::updater::Updater;
use crate::ui::terminal::terminal_snapshot::TerminalSnapshot;
use crate::ui::terminal::theme::Theme;
use crate::ui::terminal::view::{Sort, View};

/// A dashboard with a clock of its own.
struct Stage {
    updater: Updater,
    shown: TerminalSnapshot,
    view: View,
    now: DateTime<Utc>,
    /// Whether the records have a size, and one in 500 is a dead letter.
    is_counted: bool,
}

impl Stage {
    /// Returns a query that has just been started.
    fn opening(demo: &[&str]) -> Self {
        let now = DateTime::UNIX_EPOCH + TimeDelta::hours(12);
        let mut stage = Self {
            updater: Updater::default(),
            shown: TerminalSnapshot::default(),
            view: View::new(Theme::coloured()),
            now,
            is_counted: true,
        };
        stage.tell(QueryEvent::Started(Arc::new(Started {
            name: "card-brands".into(),
            topics: vec!["transactions".into()],
            query: "SELECT card_brand, count(*) AS transactions, sum(amount) AS total\n\
                    FROM transactions\nGROUP BY card_brand\nORDER BY transactions DESC"
                .into(),
            workers: 2,
            interval: Some(Duration::from_secs(1)),
            demo: demo.iter().map(|line| (*line).into()).collect(),
        })));
        stage
    }

    /// Returns a query that has just begun to read.
    fn started(demo: &[&str]) -> Self {
        let mut stage = Self::opening(demo);
        stage.tell(QueryEvent::Reading);
        stage.brokers(&[1, 2, 3]);
        stage
    }

    /// Returns a query after four batches, the last of which changed the order and brought a new row.
    fn running(demo: &[&str]) -> Self {
        Self::started(demo).after_batches()
    }

    fn after_batches(self) -> Self {
        let mut stage = self;
        for id in 0..4u64 {
            stage.pass(
                Duration::from_secs(1),
                id * 1_200 + 300,
                Some(Duration::from_millis(400)),
            );
            let n = id as i64;
            let mut rows = vec![
                ("Visa", 500 + 310 * n, 1_234_567 + 98_765 * i128::from(n)),
                (
                    "Mastercard",
                    480 + 200 * n,
                    1_000_000 + 54_321 * i128::from(n),
                ),
                ("American Express", 120 + 40 * n, 800_000),
            ];
            if id == 3 {
                rows.swap(0, 1);
                rows.push(("JCB", 1, 995));
            }
            stage.tell(QueryEvent::Batch(brands(id, &rows)));
        }
        stage
    }

    fn tell(&mut self, event: QueryEvent) {
        self.updater.apply(&event, self.now);
        self.shown = self.shown.after(&mut self.updater, self.now);
    }

    fn pass(&mut self, time: Duration, records: u64, next_trigger: Option<Duration>) {
        self.now += time;
        self.tell(QueryEvent::Heartbeat(Heartbeat {
            records,
            bytes: if self.is_counted { records * 341 } else { 0 },
            dead_letters: if self.is_counted { records / 500 } else { 0 },
            tombstones: 0,
            lag: 34,
            held_back: None,
            partitions: 12,
            others: None,
            paused: 0,
            memory_short: false,
            next_trigger,
            interval: Some(Duration::from_secs(1)),
        }));
    }

    fn brokers(&mut self, up: &[i32]) {
        let broker = |id| Broker {
            id,
            address: format!("kafka-{id}:9092"),
            up: up.contains(&id),
        };
        self.tell(QueryEvent::Brokers((1..=3).map(broker).collect()));
    }

    fn buffer(&self, width: u16, height: u16) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| render(frame, &self.shown, &self.view, self.now))
            .unwrap();
        terminal.backend().buffer().clone()
    }

    fn picture(&self, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| render(frame, &self.shown, &self.view, self.now))
            .unwrap();
        terminal.backend().to_string()
    }
}

const DEMO: [&str; 2] = [
    "embedded broker, made-up cards",
    "your own: BOOTSTRAP_SERVERS=host:9092 cargo run",
];

#[test]
fn before_anything_is_known() {
    let stage = Stage {
        updater: Updater::default(),
        shown: TerminalSnapshot::default(),
        view: View::new(Theme::plain()),
        now: DateTime::UNIX_EPOCH,
        is_counted: true,
    };
    insta::assert_snapshot!(stage.picture(80, 24));
}

#[test]
fn a_topic_is_waited_for() {
    let mut stage = Stage::opening(&[]);
    let text = "there is no topic transactions yet; waiting for it".into();
    stage.tell(QueryEvent::Notice(Notice {
        at: stage.now,
        level: Level::Warning,
        text,
    }));
    let picture = stage.picture(80, 24);
    for wrong in ["waiting for records", "reading the first batch"] {
        assert!(!picture.contains(wrong), "{picture}");
    }
    insta::assert_snapshot!(picture);
}

#[test]
fn no_data_yet() {
    let mut stage = Stage::started(&[]);
    stage.pass(Duration::from_secs(1), 0, None);
    insta::assert_snapshot!("no_data_yet_small", stage.picture(80, 24));
    insta::assert_snapshot!("no_data_yet_large", stage.picture(200, 60));
}

#[test]
fn reading_what_is_there() {
    let mut stage = Stage::started(&[]);
    for (records, lag) in [(0, 5_000_000), (1_234_567, 3_765_433)] {
        stage.now += Duration::from_secs(1);
        stage.tell(QueryEvent::Heartbeat(Heartbeat {
            records,
            lag,
            partitions: 12,
            ..Heartbeat::default()
        }));
    }
    insta::assert_snapshot!(stage.picture(80, 24));
}

#[test]
fn tombstones_are_shown_where_there_are_any() {
    let mut stage = Stage::running(&[]);
    assert!(!stage.picture(200, 60).contains("tombstones"));
    stage.tell(QueryEvent::Heartbeat(Heartbeat {
        tombstones: 1_234,
        ..Heartbeat::default()
    }));
    let picture = stage.picture(200, 60);
    let line = picture.lines().find(|line| line.contains("tombstones"));
    assert!(line.is_some_and(|line| line.contains("1,234")), "{picture}");
}

#[test]
fn what_waits_behind_a_transaction_is_seen_beside_the_lag() {
    let mut stage = Stage::running(&[]);
    stage.now += Duration::from_secs(1);
    stage.tell(QueryEvent::Heartbeat(Heartbeat {
        records: 4_000_000,
        held_back: Some(HeldBack {
            records: 1_234,
            since: stage.now - Duration::from_millis(95_300),
        }),
        partitions: 12,
        interval: Some(Duration::from_secs(1)),
        ..Heartbeat::default()
    }));
    let large = ("behind a transaction", " 1,234 · 1 min 35 s ");
    for (width, height, (label, value)) in [(80, 24, ("held back", " 1,234 ")), (200, 60, large)] {
        let picture = stage.picture(width, height);
        let line = picture.lines().find(|line| line.contains(label));
        assert!(line.is_some_and(|line| line.contains(value)), "{picture}");
        assert!(
            picture.contains("waiting for a transaction to end"),
            "{picture}"
        );
    }
}

/// Returns a running query whose lag goes from 3,900,000 by `step` every quarter of a second.
fn behind(step: i64) -> Stage {
    let started = Stage {
        is_counted: false,
        ..Stage::started(&[])
    };
    let mut stage = started.after_batches();
    for i in 0..=20 {
        stage.now += Duration::from_millis(250);
        stage.tell(QueryEvent::Heartbeat(Heartbeat {
            records: 4_000_000,
            lag: (3_900_000 + step * i).unsigned_abs(),
            partitions: 12,
            paused: 3,
            memory_short: true,
            next_trigger: Some(Duration::from_millis(400)),
            interval: Some(Duration::from_secs(1)),
            ..Heartbeat::default()
        }));
    }
    stage
}

#[test]
fn behind_and_when_it_will_have_caught_up() {
    // The query catches up by 40,000 a second: after 5 s 3,700,000 of the 3,900,000 are left, which take 92.5 s.
    let stage = behind(-10_000);
    insta::assert_snapshot!("behind_small", stage.picture(80, 24));
    insta::assert_snapshot!("behind_smallest", stage.picture(60, 16));
    insta::assert_snapshot!("behind_large", stage.picture(200, 60));
    let text = "by 3,700,000 records · caught up in about 1 min 32 s";
    assert!(stage.picture(80, 24).contains(text));
    let text = "by 3.7M · caught up in 1 min 32 s";
    assert!(stage.picture(60, 16).contains(text));
}

#[test]
fn behind_and_more_so() {
    let stage = behind(10_000);
    let never = "by 4,100,000 records · at this rate it never catches up";
    assert!(stage.picture(80, 24).contains(never));
    assert!(
        stage
            .picture(60, 16)
            .contains("by 4.1M · never catches up at this rate")
    );
}

#[test]
fn demo_with_changes() {
    let stage = Stage::running(&DEMO);
    insta::assert_snapshot!("demo_with_changes_small", stage.picture(80, 24));
    insta::assert_snapshot!("demo_with_changes_large", stage.picture(200, 60));
}

#[test]
fn a_broker_is_lost() {
    let mut stage = Stage::running(&[]);
    stage.brokers(&[1, 3]);
    let text = "partitions 4–7 revoked".into();
    stage.tell(QueryEvent::Notice(Notice {
        at: stage.now,
        level: Level::Info,
        text,
    }));
    insta::assert_snapshot!("a_broker_is_lost_small", stage.picture(80, 24));
    insta::assert_snapshot!("a_broker_is_lost_large", stage.picture(200, 60));
}

#[test]
fn help_is_open() {
    let mut stage = Stage::running(&DEMO);
    stage.view.help = true;
    insta::assert_snapshot!(stage.picture(80, 24));
}

#[test]
fn the_smallest_terminal_and_a_smaller_one() {
    let stage = Stage::running(&[]);
    insta::assert_snapshot!("smallest", stage.picture(60, 16));
    insta::assert_snapshot!("too_small", stage.picture(40, 8));
}

#[test]
fn frozen_sorted_and_with_a_cursor() {
    let mut stage = Stage::running(&[]);
    stage.view.frozen = Some(stage.now);
    stage.view.sort = Some(Sort {
        column: 2,
        descending: false,
    });
    stage.view.column = Some(2);
    stage.view.cursor = Some(1);
    stage.now += Duration::from_secs(75);
    insta::assert_snapshot!(stage.picture(80, 24));
}

#[test]
fn a_note_stands_in_place_of_the_keys() {
    let mut stage = Stage::running(&[]);
    stage.view.note = Some(crate::job_control::NOBODY);
    let picture = stage.picture(60, 16);
    assert!(picture.contains(crate::job_control::NOBODY), "{picture}");
    assert!(!picture.contains("freeze"), "{picture}");
}

#[test]
fn stopping() {
    let mut stage = Stage::running(&[]);
    stage.view.stopping = true;
    let picture = stage.picture(80, 24);
    assert!(picture.contains("stopping after this batch"), "{picture}");
}

#[test]
fn a_wide_and_long_result_scrolls() {
    let mut stage = Stage::started(&[]);
    let mut columns: Vec<(String, ArrayRef)> = vec![(
        "merchant".into(),
        Arc::new(StringArray::from_iter_values(
            (0..100).map(|i| format!("Merchant number {i}")),
        )),
    )];
    for i in 1..=9 {
        let values = (0..100).map(|row| row * i * 1000);
        columns.push((
            format!("metric_{i}"),
            Arc::new(Int64Array::from_iter_values(values)),
        ));
    }
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    stage.tell(QueryEvent::Batch(Arc::new(Batch {
        rows,
        mode: OutputMode::Complete,
        sorted_by: None,
        others: None,
        progress: progress(0),
        receipt: Receipt::default(),
    })));
    stage.view.column = Some(6);
    stage.view.cursor = Some(50);
    insta::assert_snapshot!(stage.picture(80, 24));
}

#[test]
fn null_is_dimmed_and_a_text_that_looks_like_it_is_not() {
    let mut stage = Stage::started(&[]);
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("NULL"), None]));
    stage.tell(QueryEvent::Batch(Arc::new(Batch {
        rows: RecordBatch::try_from_iter([("merchant", texts)]).unwrap(),
        ..(*brands(0, &[])).clone()
    })));
    let buffer = stage.buffer(80, 24);
    let styles: Vec<_> = buffer
        .content()
        .windows(4)
        .filter(|cells| {
            cells
                .iter()
                .map(|cell| cell.symbol())
                .eq(["N", "U", "L", "L"])
        })
        .map(|cells| cells[0].style())
        .collect();
    let [text, null] = styles[..] else {
        panic!("{styles:?}");
    };
    let dim = Theme::coloured().dim;
    let is_dim = |style: Style| style.patch(dim) == style;
    assert_eq!((is_dim(text), is_dim(null)), (false, true));
}

#[test]
fn what_comes_from_outside_cannot_break_the_picture() {
    let mut stage = Stage::started(&["demo\x1b[2J"]);
    let rows = [
        ("\x1b[2J\x1b]0;title\x07", 5, 1),
        ("日本カード", 4, 1),
        ("👩\u{200d}💻 🇨🇭 cards", 3, 1),
        ("\u{202e}asiV", 2, 1),
        ("بطاقة", 1, 1),
    ];
    stage.tell(QueryEvent::Batch(brands(0, &rows)));
    let text = "log line\r\n\x1b[31mwith colours".into();
    stage.tell(QueryEvent::Notice(Notice {
        at: stage.now,
        level: Level::Error,
        text,
    }));
    insta::assert_snapshot!(stage.picture(80, 24));
    let buffer = stage.buffer(80, 24);
    assert!(
        buffer
            .content()
            .iter()
            .all(|cell| !cell.symbol().contains(char::is_control))
    );
}

#[test]
fn without_colours_nothing_is_coloured_and_all_is_said() {
    let mut stage = Stage::running(&DEMO);
    stage.brokers(&[1, 3]);
    let coloured = stage.buffer(80, 24);
    assert!(
        coloured
            .content()
            .iter()
            .any(|cell| cell.fg != Color::Reset)
    );
    stage.view.theme = Theme::plain();
    let plain = stage.buffer(80, 24);
    assert!(
        plain
            .content()
            .iter()
            .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset)
    );
    let text = |buffer: &Buffer| {
        buffer
            .content()
            .iter()
            .map(|cell| cell.symbol())
            .collect::<String>()
    };
    assert_eq!(text(&plain), text(&coloured));
    assert!(text(&plain).contains("▲") && text(&plain).contains("lost"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_size_can_be_drawn(width in 1u16..220, height in 1u16..80, help: bool, cursor in 0usize..9, column in 0usize..9) {
        let mut stage = Stage::running(&DEMO);
        stage.view.help = help;
        stage.view.cursor = Some(cursor);
        stage.view.column = Some(column);
        stage.buffer(width, height);
    }
}
