//! What is told, to whoever started the query and to its members.

use chrono::Utc;
use crossbeam_channel::Sender;

use crate::checkpoint::keeper::Told;
use crate::event::{Event, Level, Notice};
use crate::position::TopicPartition;
use crate::source::member::{Command as MemberCommand, MemberRemote};

/// Tells events to whoever started the query, who may have stopped listening.
#[derive(Clone)]
pub(super) struct Teller(pub(super) Sender<Event>);

impl Teller {
    pub(super) fn event(&self, event: Event) {
        let _ = self.0.send(event);
    }

    pub(super) fn notice(&self, level: Level, text: String) {
        self.event(Event::Notice(Notice {
            at: Utc::now(),
            level,
            text,
        }));
    }
}

/// Passes on what becomes of checkpoints: to whoever listens, and to the members, who commit.
pub(super) fn passing_on(
    tell: &Teller,
    members: Vec<MemberRemote>,
) -> impl Fn(Told) + Send + 'static {
    let tell = tell.clone();
    move |told| match told {
        Told::Durable(partition, next) => {
            for member in &members {
                member.send(MemberCommand::Commit(partition.clone(), next));
            }
        }
        Told::Notice(level, text) => tell.notice(level, text),
    }
}

/// For instance `transactions 0-2, 5`.
pub(super) fn names(partitions: &[TopicPartition]) -> String {
    let mut sorted = partitions.to_vec();
    sorted.sort();
    let of_topics = sorted.chunk_by(|a, b| a.topic == b.topic).map(|of_topic| {
        let runs = of_topic
            .chunk_by(|a, b| a.partition + 1 == b.partition)
            .filter_map(|run| match run {
                [] => None,
                [one] => Some(one.partition.to_string()),
                [first, .., last] => Some(format!("{}-{}", first.partition, last.partition)),
            });
        let topic = of_topic.first().map_or("", |first| &*first.topic);
        format!("{topic} {}", runs.collect::<Vec<_>>().join(", "))
    });
    let names = of_topics.collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        "no partition".to_owned()
    } else {
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_that_follow_each_other_are_named_as_a_run() {
        let all = [("b", 0), ("a", 5), ("a", 1), ("a", 0), ("a", 2)];
        let all = all.map(|(topic, partition)| TopicPartition::new(topic, partition));
        assert_eq!(names(&all), "a 0-2, 5, b 0");
        assert_eq!(names(&[]), "no partition");
    }
}
