//! Draws what runs, when the next batch is due, and the brokers below.

use std::time::Duration;

use chrono::TimeDelta;
use kafka_access::escape::escaped;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::graph::progress;
use super::pane::{both_edges, cut, dim, styled};
use super::{Scene, Theme};
use crate::number::{self, counted};
use crate::status::snapshot::Phase;
use crate::width::width;

/// The age at which other processes' checkpoints are marked as old, which is the time of a look and a batch.
const STALE_SECONDS: u64 = 15;
/// The least columns that the brokers take, as `brokers 3 of 3 up`.
const COUNTS: usize = 18;
/// The steps of the countdown.
const STEPS: usize = 10;

/// Returns the rows that the header takes in `columns`.
pub fn height(scene: &Scene<'_>, columns: u16) -> u16 {
    let behind = u16::from(scene.snapshot.gauges.behind.is_some());
    2 + behind + demo(scene, columns.saturating_sub(2)).len() as u16
}

/// Returns the demo's hints in one line, or in a few if one is not enough. There are none outside the demo.
fn demo<'a>(scene: &Scene<'a>, columns: u16) -> Vec<Line<'a>> {
    const BADGE: &str = " DEMO ";
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let texts = snapshot.query.demo.iter();
    let texts: Vec<_> = texts.map(|text| escaped(text).into_owned()).collect();
    let joined = texts.join(" · ");
    let room = usize::from(columns);
    let texts = if width(&joined) + BADGE.len() < room {
        vec![joined]
    } else {
        texts
    };
    let line = |(i, text): (usize, String)| {
        let badge = match i {
            0 => styled(BADGE, Theme::badge(theme.warn)),
            _ => Span::raw(" ".repeat(BADGE.len())),
        };
        Line::from(cut(vec![badge, Span::raw(" "), Span::raw(text)], room))
    };
    let shown = texts
        .into_iter()
        .filter(|text| !text.is_empty())
        .take(3)
        .enumerate();
    shown.map(line).collect()
}

pub fn render(frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
    let Scene {
        snapshot, theme, ..
    } = scene;
    let inner = Rect {
        x: area.x + 1,
        width: area.width - 2,
        ..area
    };
    let mut left = vec![
        styled(" CARDSTREAM ", Theme::badge(theme.accent)),
        Span::raw(" "),
    ];
    left.push(styled(escaped(&snapshot.query.name), theme.strong));
    if !snapshot.query.topics.is_empty() {
        left.extend([
            dim(theme, " · "),
            Span::raw(escaped(&snapshot.query.topics.join(", ")).into_owned()),
        ]);
    }
    let mut lines = vec![
        both_edges(left, trigger(scene), inner.width),
        brokers(scene, inner.width),
    ];
    lines.extend(behind(scene, inner.width));
    lines.extend(demo(scene, inner.width));
    for (line, row) in lines.iter().zip(inner.rows()) {
        frame.render_widget(line, row);
    }
}

/// Returns a line that says by how much and for how long reading is behind, in fewer words if there is less room.
fn behind<'a>(scene: &Scene<'a>, columns: u16) -> Option<Line<'a>> {
    const BADGE: &str = " BEHIND ";
    let Scene {
        snapshot,
        theme,
        now,
        ..
    } = *scene;
    let behind = snapshot.gauges.behind.as_ref()?;
    let records = counted(behind.records, "record");
    let about = number::short(behind.records as f64);
    let texts = match behind.left(now) {
        Some(left) => {
            let left = number::duration(left);
            [
                format!("by {records} · caught up in about {left}"),
                format!("by {about} · caught up in {left}"),
            ]
        }
        None => [
            format!("by {records} · at this rate it never catches up"),
            format!("by {about} · never catches up at this rate"),
        ],
    };
    let room = usize::from(columns).saturating_sub(BADGE.len() + 1);
    let [long, short] = texts;
    let text = if width(&long) <= room { long } else { short };
    let badge = styled(BADGE, Theme::badge(theme.warn));
    let spans = vec![badge, Span::raw(" "), Span::raw(text)];
    Some(Line::from(cut(spans, usize::from(columns))))
}

/// Returns the batch number and the countdown, or the reason why there is none.
fn trigger<'a>(scene: &Scene<'a>) -> Vec<Span<'a>> {
    let Scene {
        snapshot,
        view,
        theme,
        now,
        ..
    } = *scene;
    let batch = match &snapshot.progress {
        Some(progress) => vec![
            dim(theme, "batch "),
            styled(number::count(progress.batch_id), theme.strong),
            Span::raw("  "),
        ],
        None => Vec::new(),
    };
    if let Some(since) = view.frozen {
        let age = number::duration(Duration::from_secs(
            (now - since).num_seconds().unsigned_abs(),
        ));
        return [
            batch,
            vec![
                styled(" FROZEN ", Theme::badge(theme.warn)),
                Span::raw(format!(" for {age}")),
            ],
        ]
        .concat();
    }
    let state = match (snapshot.phase, snapshot.next_trigger) {
        (Phase::Stopped, _) => vec![styled("ended", theme.strong)],
        _ if view.stopping => vec![
            styled("stopping after this batch", theme.warn),
            dim(theme, " · q leaves at once"),
        ],
        (Phase::Starting, _) => vec![dim(theme, "starting")],
        (Phase::CatchingUp, _) => vec![dim(theme, "reading the first batch")],
        (Phase::Running, Some(due)) if due > now => {
            countdown(theme, due - now, snapshot.interval.unwrap_or_default())
        }
        (Phase::Running, _) if snapshot.gauges.lag == 0 => {
            vec![dim(
                theme,
                match snapshot.gauges.held_back {
                    Some(_) => "waiting for a transaction to end",
                    None => "waiting for records",
                },
            )]
        }
        (Phase::Running, _) => vec![dim(theme, "batch under way")],
    };
    [batch, state].concat()
}

fn countdown<'a>(theme: &Theme, left: TimeDelta, interval: Duration) -> Vec<Span<'a>> {
    let left = left.to_std().unwrap_or_default();
    let passed = 1.0 - (left.as_secs_f64() / interval.as_secs_f64().max(1e-3)).min(1.0);
    let [done, rest] = progress(passed, STEPS, theme);
    // Tenths are shown only while they can be followed. The width stays the same, so that nothing jumps.
    let text = match left.as_secs() {
        0..60 if interval <= Duration::from_secs(10) => format!("{:.1} s", left.as_secs_f64()),
        _ => number::duration(Duration::from_secs(left.as_secs() + 1)),
    };
    vec![
        done,
        rest,
        dim(theme, " next in "),
        Span::raw(format!("{text:>5}")),
    ]
}

/// Returns the brokers, each with its state, or only their number if there is no room for addresses.
fn brokers<'a>(scene: &Scene<'a>, columns: u16) -> Line<'a> {
    let Scene {
        snapshot, theme, ..
    } = *scene;
    let gauges = &snapshot.gauges;
    let mut right = vec![Span::raw(counted(gauges.partitions as u64, "partition"))];
    if gauges.paused > 0 {
        let why = if gauges.memory_short {
            " for memory"
        } else {
            ""
        };
        let text = format!(", {} paused{why}", gauges.paused);
        right.push(styled(text, theme.warn));
    }
    if let Some(others) = gauges.others {
        let age = number::duration(Duration::from_secs(others.age.as_secs()));
        let colour = match others.age.as_secs() > STALE_SECONDS {
            true => theme.warn,
            false => theme.dim,
        };
        let text = format!(" + {} of others, {age} old", others.partitions);
        right.push(styled(text, colour));
    }
    let workers = counted(snapshot.query.workers as u64, "worker");
    // The paused partitions matter more than the number of workers.
    let taken = right.iter().map(Span::width).sum::<usize>() + width(&workers) + 3 + COUNTS;
    if snapshot.query.workers > 0 && taken <= usize::from(columns) {
        right.extend([dim(theme, " · "), Span::raw(workers)]);
    }
    if snapshot.brokers.is_empty() {
        return both_edges(
            vec![dim(theme, "brokers are not known yet")],
            right,
            columns,
        );
    }
    let (up, all) = (
        snapshot.brokers.iter().filter(|broker| broker.up).count(),
        snapshot.brokers.len(),
    );
    let label = vec![dim(theme, if all == 1 { "broker " } else { "brokers " })];
    let list = |with_address: fn(bool) -> bool| {
        let mut spans = label.clone();
        for broker in &snapshot.brokers {
            spans.push(if broker.up {
                styled("● ", theme.good)
            } else {
                styled("○ ", theme.bad)
            });
            let id = if broker.id >= 0 {
                broker.id.to_string()
            } else {
                "?".into()
            };
            spans.push(Span::raw(id));
            if with_address(broker.up) {
                spans.push(dim(theme, format!(" {}", escaped(&broker.address))));
            }
            if !broker.up {
                spans.push(styled(" lost", theme.bad));
            }
            spans.push(Span::raw("  "));
        }
        spans.pop();
        spans
    };
    let counts = || {
        let style = if up == all { theme.good } else { theme.bad };
        [
            label.clone(),
            vec![styled(format!("{up} of {all} up"), style)],
        ]
        .concat()
    };
    let room =
        usize::from(columns).saturating_sub(right.iter().map(Span::width).sum::<usize>() + 2);
    let fits = |spans: &Vec<Span<'_>>| spans.iter().map(Span::width).sum::<usize>() <= room;
    let left = [list(|_| true), list(|up| !up), list(|_| false)]
        .into_iter()
        .find(fits)
        .unwrap_or_else(counts);
    both_edges(left, right, columns)
}
