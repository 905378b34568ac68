//! When a batch comes: on the grid of the interval, after what the first batch waits for, and at once if a partition
//! cannot wait.

mod grid;

use std::time::{Duration, Instant};

use self::grid::Grid;
use super::assignment::Assignment;
use crate::config::TriggerMode;

/// The settings of a trigger. Only the interval changes while a query runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct TriggerSettings {
    /// When batches are wanted.
    pub mode: TriggerMode,
    /// Whether the user has limited the records of a batch: that is a rate, and so no reason for the next
    /// batch to come early. Our own limit only bounds memory.
    pub is_limited: bool,
    /// Whether checkpoints are stored: then the result has what other processes read.
    pub has_store: bool,
    /// Whether some were stored before the start: they make a result without any record.
    pub has_checkpoints: bool,
}

/// When the batches of one query come.
pub(super) struct Trigger {
    settings: TriggerSettings,
    /// The points in time at which batches come; `None` for available-now.
    grid: Option<Grid>,
    /// Whether some partition waits for a batch.
    is_full: bool,
}

impl Trigger {
    pub(super) fn new(settings: TriggerSettings) -> Self {
        let grid = match settings.mode {
            TriggerMode::Interval(interval) => Some(Grid::new(interval)),
            TriggerMode::AvailableNow => None,
        };
        Self {
            settings,
            grid,
            is_full: false,
        }
    }

    /// A partition takes no more records before a batch.
    pub(super) fn fill(&mut self) {
        self.is_full = true;
    }

    /// Partitions hand over, and go on.
    pub(super) fn empty(&mut self) {
        self.is_full = false;
    }

    /// Whether some partition waits for a batch.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether a batch is due; `has_news` tells whether there may be something new. A point of the grid that finds
    /// nothing new passes.
    pub(super) fn is_due(&mut self, now: Instant, has_news: bool, assignment: &Assignment) -> bool {
        let has_news = has_news || self.is_full;
        let Some(grid) = &mut self.grid else {
            return self.is_full || assignment.has_read_all();
        };
        if grid.next().is_none() {
            // A result of stored checkpoints of all partitions needs no reader.
            let is_complete = self.settings.has_store && assignment.has_read_all();
            return (has_news || self.settings.has_checkpoints)
                && (self.is_full || is_complete || assignment.has_read_own(now));
        }
        if grid.is_due(now) && !has_news {
            grid.fired(now);
            return false;
        }
        grid.is_due(now) || self.is_full && !self.settings.is_limited
    }

    /// A batch begins. Tells whether it is the last one, if no partition is lost meanwhile.
    pub(super) fn fired(&mut self, now: Instant, assignment: &Assignment) -> bool {
        match &mut self.grid {
            None => assignment.has_read_all(),
            Some(grid) => {
                grid.fired(now);
                false
            }
        }
    }

    /// The point of the grid that comes next; `None` before the first batch, and without a grid.
    pub(super) fn next(&self) -> Option<Instant> {
        self.grid.as_ref()?.next()
    }

    /// The time between two batches; `None` without a grid.
    pub(super) fn interval(&self) -> Option<Duration> {
        self.grid.as_ref().map(Grid::interval)
    }

    /// Changes the interval, if there is one.
    pub(super) fn set_interval(&mut self, interval: Duration, now: Instant) {
        if let Some(grid) = &mut self.grid {
            grid.set_interval(interval, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::position::TopicPartition;

    const SECOND: Duration = Duration::from_secs(1);

    fn every(interval: Duration) -> TriggerSettings {
        TriggerSettings {
            mode: TriggerMode::Interval(interval),
            is_limited: false,
            has_store: false,
            has_checkpoints: false,
        }
    }

    /// A topic of one partition, which has a record that is not read yet.
    fn unread() -> (TopicPartition, Assignment) {
        let partition = TopicPartition::new("t", 0);
        let assignment = Assignment::new(1, BTreeSet::from([partition.clone()]));
        (partition, assignment)
    }

    /// The same topic, whose partition this process has read.
    fn read(now: Instant) -> Assignment {
        let (partition, mut assignment) = unread();
        assignment.assigned(0, vec![partition.clone()], now);
        assignment.caught_up(&partition);
        assignment
    }

    #[test]
    fn the_first_batch_waits_for_what_was_there_at_the_start() {
        let now = Instant::now();
        let mut trigger = Trigger::new(every(5 * SECOND));
        let (partition, mut assignment) = unread();
        assignment.assigned(0, vec![partition.clone()], now);
        assert!(!trigger.is_due(now + 60 * SECOND, true, &assignment));
        assignment.caught_up(&partition);
        assert!(
            !trigger.is_due(now, false, &assignment),
            "there is no record"
        );
        assert!(trigger.is_due(now, true, &assignment));
        assert_eq!(trigger.next(), None);
        assert!(!trigger.fired(now, &assignment));
        assert_eq!(trigger.next(), Some(now + 5 * SECOND));
    }

    #[test]
    fn the_first_batch_comes_early_if_a_partition_can_take_no_more() {
        let now = Instant::now();
        let mut trigger = Trigger::new(every(5 * SECOND));
        let (partition, mut assignment) = unread();
        assignment.assigned(0, vec![partition], now);
        trigger.fill();
        assert!(trigger.is_due(now, false, &assignment));
    }

    #[test]
    fn what_is_kept_of_all_partitions_needs_neither_record_nor_reader() {
        let now = Instant::now();
        let (partition, mut assignment) = unread();
        let mut trigger = Trigger::new(TriggerSettings {
            has_store: true,
            has_checkpoints: true,
            ..every(5 * SECOND)
        });
        assert!(!trigger.is_due(now, false, &assignment));
        assignment.caught_up(&partition);
        assert!(trigger.is_due(now, false, &assignment));
    }

    #[test]
    fn a_point_of_the_grid_without_news_passes() {
        let now = Instant::now();
        let assignment = read(now);
        let mut trigger = Trigger::new(every(5 * SECOND));
        trigger.fired(now, &assignment);
        assert!(!trigger.is_due(now + 4 * SECOND, true, &assignment));
        assert!(!trigger.is_due(now + 5 * SECOND, false, &assignment));
        // Records that come now wait for the next point.
        assert!(!trigger.is_due(now + 6 * SECOND, true, &assignment));
        assert!(trigger.is_due(now + 10 * SECOND, true, &assignment));
    }

    #[test]
    fn a_full_batch_waits_for_its_time_only_if_the_user_has_limited_it() {
        let now = Instant::now();
        let assignment = read(now);
        for is_limited in [false, true] {
            let mut trigger = Trigger::new(TriggerSettings {
                is_limited,
                ..every(5 * SECOND)
            });
            trigger.fired(now, &assignment);
            trigger.fill();
            assert_eq!(
                trigger.is_due(now + SECOND, false, &assignment),
                !is_limited
            );
            assert!(trigger.is_due(now + 5 * SECOND, false, &assignment));
            trigger.empty();
            assert!(!trigger.is_due(now + SECOND, false, &assignment));
        }
    }

    #[test]
    fn available_now_has_batches_as_partitions_fill_and_one_at_the_end() {
        let now = Instant::now();
        let (partition, mut assignment) = unread();
        let mut trigger = Trigger::new(TriggerSettings {
            mode: TriggerMode::AvailableNow,
            is_limited: true,
            ..every(SECOND)
        });
        assignment.assigned(0, vec![partition.clone()], now);
        assert!(!trigger.is_due(now, true, &assignment));
        trigger.fill();
        assert!(trigger.is_due(now, false, &assignment));
        assert!(!trigger.fired(now, &assignment), "there is more to read");
        trigger.empty();
        assignment.caught_up(&partition);
        assert!(trigger.is_due(now, false, &assignment));
        assert!(trigger.fired(now, &assignment));
        trigger.set_interval(SECOND, now);
        assert_eq!((trigger.next(), trigger.interval()), (None, None));
    }
}
