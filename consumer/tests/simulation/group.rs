//! The consumer group, as its coordinator sees it.

use std::collections::{BTreeMap, BTreeSet};

use consumer::position::TopicPartition;

use super::client::Rebalance;
use super::dice::Dice;

/// A worker of a process that was started as so many-th.
pub type MemberId = (u64, usize);

/// Which member reads which partitions. A partition moves when its owner has given it up, or has left the group.
#[derive(Debug, Default)]
pub struct Group {
    members: BTreeSet<MemberId>,
    owners: BTreeMap<TopicPartition, MemberId>,
    /// The partitions that owners are asked to give up, each with its next owner.
    moving: BTreeMap<TopicPartition, Option<MemberId>>,
}

/// What members are to be told.
pub type Told = Vec<(MemberId, Rebalance)>;

impl Group {
    pub fn join(&mut self, member: MemberId) {
        self.members.insert(member);
    }

    pub fn has(&self, member: MemberId) -> bool {
        self.members.contains(&member)
    }

    pub fn owner(&self, partition: &TopicPartition) -> Option<MemberId> {
        self.owners.get(partition).copied()
    }

    /// Removes a member that has not been heard of, and does not learn it.
    pub fn drop_member(&mut self, member: MemberId) {
        self.members.remove(&member);
        self.owners.retain(|_, owner| *owner != member);
        let owners = &self.owners;
        self.moving
            .retain(|partition, _| owners.contains_key(partition));
        for to in self.moving.values_mut() {
            *to = to.filter(|to| *to != member);
        }
    }

    /// Gives partitions without an owner to members, and asks some of the others to move.
    pub fn rebalance(
        &mut self,
        partitions: &[TopicPartition],
        moves: usize,
        dice: &mut Dice,
    ) -> Told {
        let members: Vec<_> = self.members.iter().copied().collect();
        let mut told = Told::new();
        for partition in partitions {
            let Some(to) = dice.pick(&members) else {
                return told;
            };
            match self.owner(partition) {
                None => told.push(self.assign(partition, to)),
                Some(owner) if dice.chance(moves) && !self.moving.contains_key(partition) => {
                    self.moving.insert(partition.clone(), Some(to));
                    told.push((owner, Rebalance::Revoke(vec![partition.clone()])));
                }
                Some(_) => {}
            }
        }
        told
    }

    /// Notes that `member` has given these partitions up.
    pub fn gave_up(&mut self, member: MemberId, partitions: &[TopicPartition]) -> Told {
        let mut told = Told::new();
        for partition in partitions {
            if self.owner(partition) != Some(member) {
                continue;
            }
            self.owners.remove(partition);
            if let Some(to) = self.moving.remove(partition).flatten() {
                told.push(self.assign(partition, to));
            }
        }
        told
    }

    fn assign(&mut self, partition: &TopicPartition, to: MemberId) -> (MemberId, Rebalance) {
        self.owners.insert(partition.clone(), to);
        (to, Rebalance::Assign(vec![partition.clone()]))
    }
}
