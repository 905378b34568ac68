//! Decides how many transactions a burst has and how long the pause after it is.

use std::time::Duration;

use crate::dice::Dice;
use kafka_access::SettingsError;

/// The most transactions that a burst can have. A burst is planned as a whole and held in memory.
pub const MAX_BURST: u32 = 1_000_000;

/// The longest pause. Simulated time advances by the pauses, and its years must stay within four digits.
pub const MAX_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Bounds of the sizes of bursts and of pauses. Each value between two bounds is equally likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bursts {
    min: u32,
    max: u32,
    pause_min: Duration,
    pause_max: Duration,
}

impl Default for Bursts {
    /// Returns bursts of 8 to 20 transactions with pauses of 1 to 60 seconds.
    fn default() -> Self {
        Self {
            min: 8,
            max: 20,
            pause_min: Duration::from_secs(1),
            pause_max: Duration::from_secs(60),
        }
    }
}

impl Bursts {
    /// Makes bursts of `min` to `max` transactions, both included, with pauses of `pause_min` to `pause_max`. Pauses
    /// are drawn in whole milliseconds.
    ///
    /// # Errors
    /// Fails when a lower bound is above its upper bound, a burst is empty or larger than [`MAX_BURST`], or a pause is
    /// longer than [`MAX_PAUSE`].
    pub fn new(
        min: u32,
        max: u32,
        pause_min: Duration,
        pause_max: Duration,
    ) -> Result<Self, SettingsError> {
        let wrong =
            |setting, value: String, mend: &str| Err(SettingsError::new(setting, value, mend));
        let shown = |pause: Duration| humantime::format_duration(pause).to_string();
        if min == 0 {
            return wrong(
                "BURST_MIN",
                min.to_string(),
                "a burst has at least 1 transaction",
            );
        }
        if max > MAX_BURST {
            return wrong(
                "BURST_MAX",
                max.to_string(),
                "a burst has at most 1000000 transactions",
            );
        }
        if min > max {
            let mend = format!("it must not be above BURST_MAX={max}; lower it or raise BURST_MAX");
            return wrong("BURST_MIN", min.to_string(), &mend);
        }
        if pause_max > MAX_PAUSE {
            return wrong("PAUSE_MAX", shown(pause_max), "a pause is at most 1 day");
        }
        if pause_min > pause_max {
            let most = shown(pause_max);
            let mend =
                format!("it must not be above PAUSE_MAX={most}; lower it or raise PAUSE_MAX");
            return wrong("PAUSE_MIN", shown(pause_min), &mend);
        }
        Ok(Self {
            min,
            max,
            pause_min,
            pause_max,
        })
    }

    /// Draws the number of transactions of the next burst.
    pub(crate) fn size(&self, dice: &mut Dice) -> u32 {
        dice.between(self.min, self.max)
    }

    /// Draws the pause that follows a burst.
    pub(crate) fn pause(&self, dice: &mut Dice) -> Duration {
        let millis = |pause: Duration| pause.as_millis() as u64;
        Duration::from_millis(dice.between_u64(millis(self.pause_min), millis(self.pause_max)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_and_pauses_stay_within_their_bounds() {
        let mut dice = Dice::new(1);
        let bursts = Bursts::default();
        for _ in 0..10_000 {
            assert!((8..=20).contains(&bursts.size(&mut dice)));
            let pause = bursts.pause(&mut dice);
            assert!((Duration::from_secs(1)..=Duration::from_secs(60)).contains(&pause));
        }
    }

    #[test]
    fn a_lower_bound_above_the_upper_names_both() {
        let error = Bursts::new(30, 20, Duration::ZERO, Duration::ZERO).unwrap_err();
        assert_eq!(
            error.to_string(),
            "BURST_MIN=30: it must not be above BURST_MAX=20; lower it or raise BURST_MAX"
        );
        let error = Bursts::new(1, 2, Duration::from_secs(60), Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().starts_with("PAUSE_MIN=1m:"), "{error}");
    }
}
