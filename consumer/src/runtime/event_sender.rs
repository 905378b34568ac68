//! What is told, to whoever started the query and to its members.

use chrono::Utc;
use crossbeam_channel::Sender;

use crate::checkpoint::writer::WriterEvent;
use crate::event::{Level, Notice, QueryEvent};
use crate::source::member::{MemberCommand, MemberRemote};

/// Tells events to whoever started the query, who may have stopped listening.
#[derive(Clone)]
pub(super) struct EventSender(pub(super) Sender<QueryEvent>);

impl EventSender {
    pub(super) fn event(&self, event: QueryEvent) {
        let _ = self.0.send(event);
    }

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
