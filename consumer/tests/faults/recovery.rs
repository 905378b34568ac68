//! What a run has come through, and how long it took.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Faults by kind, with the times from each to its end.
#[derive(Default)]
pub struct Recoveries(BTreeMap<&'static str, (usize, Vec<Duration>)>);

impl Recoveries {
    /// A fault of this kind has come.
    pub fn came(&mut self, kind: &'static str) {
        self.0.entry(kind).or_default().0 += 1;
    }

    /// One of this kind took so long.
    pub fn took(&mut self, kind: &'static str, time: Duration) {
        self.0.entry(kind).or_default().1.push(time);
    }
}

impl fmt::Display for Recoveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (kind, (count, times))) in self.0.iter().enumerate() {
            let separator = if at > 0 { "; " } else { "" };
            write!(f, "{separator}{count} {kind}")?;
            let mut times = times.clone();
            times.sort();
            if let (Some(median), Some(longest)) = (times.get(times.len() / 2), times.last()) {
                let [median, longest] = [median, longest].map(Duration::as_secs_f64);
                write!(f, " {median:.1} s (median), {longest:.1} s at most")?;
            }
        }
        Ok(())
    }
}
