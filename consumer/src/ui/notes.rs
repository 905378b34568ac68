//! What happens between batches, one line each.

use std::io::{self, Write};

use kafka_access::escape::escaped;

use crate::event::{Broker, Level, Notice, QueryEvent};

/// Writes notices, and the coming and going of brokers.
#[derive(Debug)]
pub struct NoticeLines {
    least: Level,
    brokers: Vec<Broker>,
}

impl NoticeLines {
    /// Writes notices of at least this level.
    pub fn new(least: Level) -> Self {
        Self {
            least,
            brokers: Vec::new(),
        }
    }

    /// Writes to `out` what `event` tells, if that is something of this kind.
    ///
    /// # Errors
    /// Fails if it cannot be written.
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
