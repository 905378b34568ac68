//! Writes what the program says; all of it goes to stderr.
//!
//! On a terminal, progress is one line that is rewritten. Elsewhere, a new line is written every ten seconds.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use humantime::format_duration;
use kafka_access::secret::concealed;
use producer::{Event, Progress, Report};

/// The time between two lines of progress where stderr is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Writes lines and progress to stderr.
pub struct Console {
    terminal: bool,
    /// Whether the cursor stands behind a progress line, so that the next line needs a line break first.
    unfinished: bool,
    progress_said: Instant,
    servers: String,
    topic: String,
}

impl Console {
    /// Makes a console for a run that writes to `topic` on the brokers `servers`.
    pub fn new(servers: &str, topic: &str) -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            unfinished: false,
            progress_said: Instant::now(),
            servers: servers.to_owned(),
            topic: topic.to_owned(),
        }
    }

    /// Writes what `event` says.
    pub fn tell(&mut self, event: &Event) {
        match event {
            Event::Started { topic_created } => {
                let created = if *topic_created { " (created)" } else { "" };
                let (topic, servers) = (&self.topic, &self.servers);
                self.line(format!("writing to topic {topic}{created} at {servers}"));
            }
            Event::Burst {
                records,
                total,
                pause,
            } => {
                let pause = format_duration(*pause);
                self.line(format_args!(
                    "{records} records, {total} in all, next in {pause}"
                ));
            }
            Event::Progress(progress) => self.progress(progress),
            Event::BrokersLost {
                outstanding,
                reason,
            } => {
                let reason = reason.as_deref().unwrap_or("no acknowledgement");
                self.line(format_args!(
                    "waiting for brokers: {outstanding} records are kept ({reason})"
                ));
            }
            Event::BrokersBack { after } => {
                let after = format_duration(Duration::from_secs(after.as_secs()));
                self.line(format_args!(
                    "brokers acknowledge again after {after}, going on"
                ));
            }
            Event::Flushing { outstanding } => {
                self.line(format_args!("flushing {outstanding} records"));
            }
        }
    }

    /// Writes how the run ended: counts, bytes, seconds and rate.
    pub fn report(&mut self, report: &Report) {
        let seconds = report.elapsed.as_secs_f64().max(0.001);
        let rate = thousands((report.acknowledged as f64 / seconds) as u64);
        let bytes = megabytes(report.bytes);
        let counts = report.counts();
        self.line(format_args!(
            "{counts}; {bytes} in {seconds:.1} s, {rate} records/s"
        ));
    }

    fn progress(&mut self, progress: &Progress) {
        if !self.terminal && self.progress_said.elapsed() < LINE_EVERY {
            return;
        }
        self.progress_said = Instant::now();
        let text = progress_line(progress);
        if self.terminal {
            self.unfinished = true;
            // A closed stderr must not stop the publishing, so the error is ignored.
            let _ = write!(io::stderr(), "\r\x1b[2K{text}");
        } else {
            self.line(text);
        }
    }

    fn line(&mut self, text: impl Display) {
        let start = if std::mem::take(&mut self.unfinished) {
            "\n"
        } else {
            ""
        };
        let _ = writeln!(io::stderr(), "{start}{text}");
    }
}

/// Writes why the program ends, without any secret that `reason` may hold.
pub fn fail(reason: impl Display) {
    let reason = reason.to_string();
    let _ = writeln!(io::stderr(), "error: {}", concealed(&reason));
}

fn progress_line(progress: &Progress) -> String {
    let records = thousands(progress.records);
    let of = progress
        .count
        .map(|count| format!(" of {}", thousands(count)))
        .unwrap_or_default();
    let rate = thousands(progress.per_second as u64);
    let bytes = megabytes(progress.bytes);
    let eta = progress
        .eta
        .map(|eta| format!(", {} left", format_duration(eta)));
    format!(
        "{records}{of} records, {rate}/s, {bytes}{}",
        eta.unwrap_or_default()
    )
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Returns the number with a comma between groups of three digits.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_records_rate_bytes_and_time_left() {
        let progress = Progress {
            records: 1_234_567,
            count: Some(5_000_000),
            per_second: 512_345.6,
            bytes: 419_752_780,
            eta: Some(Duration::from_secs(75)),
        };
        assert_eq!(
            progress_line(&progress),
            "1,234,567 of 5,000,000 records, 512,345/s, 419.8 MB, 1m 15s left"
        );
    }

    #[test]
    fn groups_of_three_digits_are_separated() {
        assert_eq!(
            [0, 999, 1_000, 1_000_000].map(thousands),
            ["0", "999", "1,000", "1,000,000"]
        );
    }
}
