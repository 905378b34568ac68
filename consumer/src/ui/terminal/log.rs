//! Sends warnings and errors of the log to the events pane.
//!
//! While the dashboard is open, nothing else may write to the screen. Every message that `tracing` gets, from level
//! WARN on, becomes a [`Notice`] and goes the same way as every other event.

use std::fmt::{Debug, Write};

use chrono::Utc;
use crossbeam_channel::Sender;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::event::{Level, NamedEvent, Notice, QueryEvent, QueryName};

/// A layer that sends warnings and errors to `events`, as notices of `query`.
///
/// The layer never blocks: if a bounded channel is full, the line is dropped, so that the program is not held up.
///
/// The layer filters only for itself: other layers still see what they want to see.
pub fn layer<S>(query: QueryName, events: Sender<NamedEvent>) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    Notices { query, events }.with_filter(LevelFilter::WARN)
}

struct Notices {
    query: QueryName,
    events: Sender<NamedEvent>,
}

impl<S: Subscriber> Layer<S> for Notices {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => Level::Error,
            _ => Level::Warning,
        };
        let mut line = LogLine::default();
        event.record(&mut line);
        // It is no reason to fail if the receiver is gone or does not keep up.
        let _ = self.events.try_send(NamedEvent {
            query: self.query.clone(),
            event: QueryEvent::Notice(Notice {
                at: Utc::now(),
                level,
                text: line.finish(),
            }),
        });
    }
}

/// Collects the message, then the fields as key = value.
#[derive(Default)]
struct LogLine {
    message: String,
    fields: String,
}

impl LogLine {
    fn finish(self) -> String {
        match (self.message.is_empty(), self.fields.is_empty()) {
            (false, false) => format!("{} {}", self.message, self.fields.trim_start()),
            (true, _) => self.fields.trim_start().into(),
            (_, true) => self.message,
        }
    }
}

impl Visit for LogLine {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn warnings_become_notices_and_less_does_not() {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let subscriber = tracing_subscriber::registry().with(layer("q".into(), sender));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("not this");
            tracing::warn!(broker = 2, why = "timed out", "broker lost");
            tracing::error!(partition = 7);
        });
        let lines: Vec<_> = receiver
            .try_iter()
            .map(|named| match named.event {
                QueryEvent::Notice(notice) => (notice.level, notice.text),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            lines,
            [
                (
                    Level::Warning,
                    "broker lost broker=2 why=timed out".to_owned()
                ),
                (Level::Error, "partition=7".to_owned()),
            ]
        );
    }
}
