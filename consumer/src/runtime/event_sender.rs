//! Sends what happens to a query: events to whoever started it, commits to its members. Events get the query's name
//! here.

use chrono::Utc;
use crossbeam_channel::Sender;

use crate::checkpoint::writer::WriterEvent;
use crate::event::{Level, NamedEvent, Notice, QueryEvent, QueryName};
use crate::source::member::{MemberCommand, MemberRemote};

/// Sends events to whoever started the query, who may have stopped listening.
#[derive(Clone)]
pub(super) struct EventSender {
    query: QueryName,
    events: Sender<NamedEvent>,
}

impl EventSender {
    /// Sends what happens to this `query` to `events`.
    pub(super) fn new(query: QueryName, events: Sender<NamedEvent>) -> Self {
        Self { query, events }
    }

    /// Sends an event.
    pub(super) fn event(&self, event: QueryEvent) {
        let query = self.query.clone();
        let _ = self.events.send(NamedEvent { query, event });
    }

    /// Sends a notice, as of now.
    pub(super) fn notice(&self, level: Level, text: String) {
        self.event(QueryEvent::Notice(Notice {
            at: Utc::now(),
            level,
            text,
        }));
    }
}

/// Passes on what becomes of checkpoints: to whoever listens, and to the members, who commit.
pub(super) fn passing_on(
    tell: &EventSender,
    members: Vec<MemberRemote>,
) -> impl Fn(WriterEvent) + Send + 'static {
    let tell = tell.clone();
    move |told| match told {
        WriterEvent::Durable(partition, next) => {
            for member in &members {
                member.send(MemberCommand::Commit(partition.clone(), next));
            }
        }
        WriterEvent::Notice(level, text) => tell.notice(level, text),
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;

    #[test]
    fn queries_that_share_a_channel_are_told_apart_by_their_names() {
        let (events, told) = unbounded();
        let senders = ["a", "b"].map(|query| EventSender::new(query.into(), events.clone()));
        senders[1].event(QueryEvent::Reading);
        senders[0].notice(Level::Info, "assigned".to_owned());
        let queries: Vec<_> = told.try_iter().map(|named| named.query).collect();
        assert_eq!(queries, ["b".into(), "a".into()]);
    }
}
