//! Prints what happens between batches, one line for each event.

use std::io::{self, Write};

use kafka_access::escape::escaped;

use crate::event::{Broker, Level, Notice, QueryEvent};

/// Writes notices, and reports brokers that come and go.
#[derive(Debug)]
pub struct NoticeLines {
    least: Level,
    brokers: Vec<Broker>,
}

impl NoticeLines {
    /// Makes a writer of notices of at least this level.
    pub fn new(least: Level) -> Self {
        Self {
            least,
            brokers: Vec::new(),
        }
    }

    /// Writes `event` to `out`, if it is a notice or about a broker.
    ///
    /// # Errors
    /// Fails if the output cannot be written.
    pub fn event(&mut self, event: &QueryEvent, out: &mut impl Write) -> io::Result<()> {
        match event {
            QueryEvent::Notice(notice) => self.notice(notice, out),
            QueryEvent::Brokers(brokers) => {
                for (level, text) in Broker::changes(&self.brokers, brokers) {
                    if level >= self.least {
                        writeln!(out, "{}", escaped(&text))?;
                    }
                }
                self.brokers.clone_from(brokers);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn notice(&self, notice: &Notice, out: &mut impl Write) -> io::Result<()> {
        if notice.level < self.least {
            return Ok(());
        }
        let level = match notice.level {
            Level::Info => "",
            Level::Warning => "warning: ",
            Level::Error => "error: ",
        };
        let at = notice.at.format("%H:%M:%S");
        writeln!(out, "{at} {level}{}", escaped(&notice.text))
    }
}
