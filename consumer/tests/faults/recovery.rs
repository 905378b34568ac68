//! Counts the faults that a run has survived, and how long it took to recover.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// For each kind of fault, how many there were, and how long it took to recover from them.
#[derive(Default)]
pub struct Recoveries(BTreeMap<&'static str, (usize, Vec<Duration>)>);

impl Recoveries {
    /// Counts a fault of this kind.
    pub fn came(&mut self, kind: &'static str) {
        self.0.entry(kind).or_default().0 += 1;
    }

    /// Adds the time that it took to recover from a fault of this kind.
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
