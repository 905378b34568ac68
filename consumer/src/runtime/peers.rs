//! Follows the partitions that other processes of the group read: asks for looks, and takes what they find.

mod freshness;
mod lookup;

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, never};

use self::freshness::Freshness;
pub(super) use self::lookup::Reach;
use self::lookup::{PeerLook, PeerLookup, PeerLookupSettings};
use super::assignment::Assignment;
use super::event_sender::EventSender;
use super::offsets::Offsets;
use super::startup::Startup;
use crate::config::{Config, TriggerMode};
use crate::event::{Level, PeersPart};
use crate::position::TopicPartition;

/// The time between two looks is that between two batches, but within these bounds.
const OFTENEST: Duration = Duration::from_millis(500);
const RAREST: Duration = Duration::from_secs(5);

/// What is known of other processes of the group; nothing where this one stores no checkpoints.
pub(super) struct Peers {
    group: String,
    /// Whether this process stores checkpoints, so that others may share them.
    has_store: bool,
    /// Whether the query has no aggregate.
    appends: bool,
    lookup: Option<PeerLookup>,
    looks: Receiver<PeerLook>,
    next_look: Instant,
    freshness: Freshness,
    /// Whether other processes have moved on since the last batch.
    has_moved: bool,
    /// What was wrong at the last look.
    problem: Option<String>,
    /// Whether a notice has named a foreign member.
    told_of_foreign_member: bool,
    /// Whether a notice has said that partitions are not assigned to this process.
    told_of_lacking: bool,
}

impl Peers {
    /// Starts the thread that looks at what others store, if they store anything.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(super) fn start(config: &Config, startup: &Startup, now: Instant) -> io::Result<Self> {
        let appends = startup.query.appends();
        let lookup = match &startup.stored {
            // No checkpoint has the rows of a query without an aggregate.
            Some(at) if config.trigger != TriggerMode::AvailableNow && !appends => {
                Some(PeerLookup::start(PeerLookupSettings {
                    client: startup.membership.client.clone(),
                    servers: config.kafka.bootstrap_servers().to_owned(),
                    topics: config.topics.clone(),
                    group: config.group_id.clone(),
                    location: at.location_id.clone(),
                    checkpoints: startup.checkpoints.clone(),
                })?)
            }
            _ => None,
        };
        Ok(Self {
            group: config.group_id.clone(),
            has_store: startup.stored.is_some(),
            appends,
            looks: lookup
                .as_ref()
                .map_or_else(never, |lookup| lookup.looks.clone()),
            lookup,
            next_look: now,
            freshness: Freshness::new(now),
            has_moved: false,
            problem: None,
            told_of_foreign_member: false,
            told_of_lacking: false,
        })
    }

    /// Whether anybody looks.
    pub(super) fn are_looked_up(&self) -> bool {
        self.lookup.is_some()
    }

    /// Delivers what looks have found.
    pub(super) fn looks(&self) -> &Receiver<PeerLook> {
        &self.looks
    }

    /// Asks for a look, if it is time for one: batches come every `interval`.
    pub(super) fn ask(&mut self, interval: Duration, now: Instant) {
        if let Some(lookup) = self.lookup.as_ref().filter(|_| now >= self.next_look) {
            self.next_look = now + interval.clamp(OFTENEST, RAREST);
            lookup.look();
        }
    }

    /// Takes what a look has found: what others read is in the result as far as they have stored it.
    pub(super) fn saw(
        &mut self,
        look: PeerLook,
        offsets: &mut Offsets,
        assignment: &mut Assignment,
        tell: &EventSender,
    ) {
        self.freshness.saw(&look);
        for (partition, reach) in look.partitions {
            offsets.saw_end(partition.clone(), reach.end);
            if !assignment.reads(&partition) {
                self.has_moved |= offsets.saw_next(&partition, reach);
                if offsets.is_caught_up(&partition, reach.next) {
                    assignment.caught_up(&partition);
                }
            }
        }
        assignment.grow(offsets.partitions());
        if let Some(problem) = look.problem.as_deref()
            && look.problem != self.problem
        {
            let text = format!("what others have kept cannot be followed: {problem}");
            tell.notice(Level::Warning, text);
        }
        self.problem = look.problem;
        if let Some(foreign_member) = look.foreign_member
            && !mem::replace(&mut self.told_of_foreign_member, true)
        {
            let text = format!(
                "{foreign_member} reads in the group {} and keeps no checkpoints where this process does: the \
                 result lacks what it reads",
                self.group
            );
            tell.notice(Level::Warning, text);
        }
    }

    /// Says that partitions are not assigned to this process, and what that means for its result, once until they are.
    pub(super) fn tell_of_lacking(
        &mut self,
        assignment: &Assignment,
        now: Instant,
        tell: &EventSender,
    ) {
        let lacking = assignment.lacking(now);
        if let Some(lacking) = lacking.filter(|_| !self.told_of_lacking) {
            let told = format!(
                "{lacking} of {} partitions are not assigned to this member of the group {}",
                assignment.partitions(),
                self.group
            );
            let (level, consequence) = match self.has_store {
                true if self.appends => (Level::Info, "they show the rows of these"),
                true if self.are_looked_up() => (Level::Info, "the result has what they have kept"),
                true => (
                    Level::Warning,
                    "what they read from now on is not in the result",
                ),
                false => (
                    Level::Warning,
                    "the result is without them; give this process a GROUP_ID of its own",
                ),
            };
            tell.notice(level, format!("{told}: {consequence}"));
        }
        self.told_of_lacking = lacking.is_some();
    }

    /// Whether others read `partition`, as far as a notice has said so.
    pub(super) fn are_reading(&self, partition: &TopicPartition, assignment: &Assignment) -> bool {
        self.told_of_lacking && !assignment.reads(partition)
    }

    /// No look comes any more.
    pub(super) fn end(&mut self, offsets: &mut Offsets, tell: &EventSender) {
        self.lookup = None;
        self.looks = never();
        offsets.end_looks();
        let text = "what others read is no longer followed: its thread has ended";
        tell.notice(Level::Warning, text.to_owned());
    }

    /// Whether others have moved on since the last batch.
    pub(super) fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Whether others have moved on, asked by the batch that shows it.
    pub(super) fn take_moved(&mut self) -> bool {
        mem::take(&mut self.has_moved)
    }

    /// How fresh the others' part of the result is; `None` if they have none.
    pub(super) fn part(&self, assignment: &Assignment, now: Instant) -> Option<PeersPart> {
        let reads = |partition: &TopicPartition| assignment.reads(partition);
        self.freshness.at(now, reads)
    }
}
