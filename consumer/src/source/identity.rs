//! The name of a group member, which outlives its process.
//!
//! A static member (`group.instance.id`, KIP-345) that comes back within the session timeout has its partitions at
//! once. So a process needs a name that its successor on the same host has too, and that no other process has at the
//! same time. The name is made of the host's name and a number whose lock is free. A number that the group still knows
//! comes first; without one, the lowest free number is taken. The kernel releases a lock when its process ends, however
//! it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use twox_hash::XxHash3_64;

/// librdkafka's property for the name of a static member.
pub const STATIC_NAME: &str = "group.instance.id";

/// The most processes of one host in one group.
const MOST_PROCESSES: usize = 1_000;

/// The highest member number of a process plus one. Processes that join anew, one after the other, use up the numbers.
const MOST_MEMBERS: usize = 1_000_000;

/// A process's name in its group. The process has the name for as long as this value lives.
#[derive(Debug)]
pub struct StaticName {
    name: String,
    /// The number of its first member.
    first: usize,
    _lock: File,
}

impl StaticName {
    /// Takes a name that is free on this host, for the group of that name at these brokers. If a member among these ids
    /// has died and the group has not given it up yet, its name is taken. Locks are files in `folder`.
    ///
    /// A process that `joins_anew` does not go on with the members of the process before it. Its members are new ones,
    /// for which the group assigns its partitions again.
    ///
    /// # Errors
    /// Fails if the folder cannot be used, if it belongs to another user, or if the system does not tell the host's
    /// name as Linux does.
    pub fn take<'a>(
        folder: &Path,
        group: &str,
        servers: &str,
        member_ids: impl IntoIterator<Item = &'a str>,
        joins_anew: bool,
    ) -> io::Result<Self> {
        let host = host()?;
        let uid = own_uid()?;
        let folder = folder.join(format!("cardstream-{uid}"));
        own_folder(&folder, uid)?;
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let hash = XxHash3_64::oneshot(format!("{group}\n{servers}\n{machine}\n{uid}").as_bytes());
        let name = format!("cardstream-{host}-{hash:016x}");
        // The member numbers of each process.
        let mut known: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for id in member_ids {
            if let Some((process, member)) = numbers(id, &name)
                && process < MOST_PROCESSES
                && member < MOST_MEMBERS
            {
                known.entry(process).or_default().insert(member);
            }
        }
        for number in known.keys().copied().chain(0..MOST_PROCESSES) {
            let path = folder.join(format!("{hash:016x}-{number}.lock"));
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => {
                    let members = known.get(&number);
                    let first = match joins_anew {
                        true => members.and_then(BTreeSet::last).map(|last| last + 1),
                        false => members.and_then(BTreeSet::first).copied(),
                    };
                    return Ok(Self {
                        name: format!("{name}-{number}"),
                        first: first.unwrap_or(0),
                        _lock: file,
                    });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::other(format!(
            "{MOST_PROCESSES} names are taken"
        )))
    }

    /// Returns the name of one of the process's members.
    pub fn of_member(&self, number: usize) -> String {
        format!("{}-{}", self.name, self.first + number)
    }

    /// Returns whether a member belongs to this process, or to the one before it that had the name. Brokers begin a
    /// static member's id with its name.
    pub fn is_of(&self, member_id: &str) -> bool {
        let rest = member_id.strip_prefix(self.name.as_str());
        rest.is_some_and(|rest| rest.starts_with('-'))
    }
}

/// Returns the numbers of the process and of the member from a static member's id, if the id begins with `name`.
/// Brokers put a number of their own behind them.
fn numbers(id: &str, name: &str) -> Option<(usize, usize)> {
    let rest = id.strip_prefix(name)?.strip_prefix('-')?;
    let mut parts = rest.split('-').map(str::parse);
    match (parts.next()?, parts.next()?) {
        (Ok(process), Ok(member)) => Some((process, member)),
        _ => None,
    }
}

/// Makes the folder, or checks that it belongs to this user: whoever can put files there could take names.
fn own_folder(folder: &Path, uid: u32) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    let found = folder.symlink_metadata()?;
    if found.is_dir() && found.uid() == uid {
        return Ok(());
    }
    let reason = format!("{} is another user's", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
}

/// Returns the host's name, without the characters that Kafka does not take.
fn host() -> io::Result<String> {
    const MOST: usize = 100;
    let name = fs::read_to_string("/proc/sys/kernel/hostname")?;
    let takes = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let taken = name.trim().chars().map(|c| if takes(c) { c } else { '_' });
    Ok(taken.take(MOST).collect())
}

fn own_uid() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn two_at_once_have_different_names_and_a_successor_the_same() {
        let folder = TempDir::new().unwrap();
        let take = || StaticName::take(folder.path(), "g", "a:1", [], false).unwrap();
        let (first, second) = (take(), take());
        assert_ne!(first.of_member(0), second.of_member(0));
        assert_ne!(first.of_member(0), first.of_member(1));
        let name = first.of_member(0);
        drop(first);
        let successor = take();
        assert_eq!(successor.of_member(0), name);
        assert!(successor.is_of(&format!("{name}-0b9c")));
        assert!(!second.is_of(&format!("{name}-0b9c")));
    }

    #[test]
    fn the_name_of_one_that_the_group_still_knows_comes_first() {
        let folder = TempDir::new().unwrap();
        let take = |ids: &[String]| {
            let ids = ids.iter().map(String::as_str);
            StaticName::take(folder.path(), "g", "a:1", ids, false).unwrap()
        };
        let lives = take(&[]);
        let long_dead = take(&[]);
        let killed = take(&[]);
        let ids = [&lives, &killed].map(|known| format!("{}-0b9c", known.of_member(0)));
        let name = killed.of_member(0);
        drop((long_dead, killed));
        assert_eq!(take(&ids).of_member(0), name);
        let others = ["cardstream-elsewhere-0-5-0-1", "rdkafka-7", ""].map(str::to_owned);
        assert!(take(&others).of_member(0).ends_with("-1-0"));
    }

    #[test]
    fn one_that_joins_anew_has_members_that_the_group_does_not_know_and_its_successor_has_the_same()
    {
        let folder = TempDir::new().unwrap();
        let take = |ids: &[String], anew| {
            let ids = ids.iter().map(String::as_str);
            StaticName::take(folder.path(), "g", "a:1", ids, anew).unwrap()
        };
        let before = take(&[], true);
        let ids = [0, 1].map(|member| format!("{}-0b9c-77", before.of_member(member)));
        drop(before);
        let anew = take(&ids, true);
        assert!(anew.of_member(0).ends_with("-0-2"), "{anew:?}");
        assert!(ids.iter().all(|id| anew.is_of(id)));
        let ids = [format!("{}-0b9c-77", anew.of_member(0))];
        let name = anew.of_member(0);
        drop(anew);
        assert_eq!(take(&ids, false).of_member(0), name);
    }

    #[test]
    fn another_group_or_cluster_takes_no_name_away() {
        let folder = TempDir::new().unwrap();
        let names = [("g", "a:1"), ("h", "a:1"), ("g", "b:1")].map(|(group, servers)| {
            StaticName::take(folder.path(), group, servers, [], false).unwrap()
        });
        for (index, one) in names.iter().enumerate() {
            assert!(one.of_member(0).ends_with("-0-0"), "{one:?}");
            assert!(names[..index].iter().all(|other| one.name != other.name));
        }
    }

    #[test]
    fn what_is_not_a_folder_of_its_own_is_not_used() {
        let folder = TempDir::new().unwrap();
        let uid = own_uid().unwrap();
        let elsewhere = TempDir::new().unwrap();
        let link = folder.path().join(format!("cardstream-{uid}"));
        std::os::unix::fs::symlink(elsewhere.path(), link).unwrap();
        let error = StaticName::take(folder.path(), "g", "a:1", [], false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_name_is_one_that_kafka_takes() {
        let folder = TempDir::new().unwrap();
        let name = StaticName::take(folder.path(), "grüße / *", "a:1", [], false).unwrap();
        let name = name.of_member(255);
        assert!(name.len() < 249, "{name}");
        let takes = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
        assert!(name.chars().all(takes), "{name}");
    }
}
