//! Deletes old checkpoints.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::checkpoint::format::{self, CheckpointKind};
use crate::checkpoint::name::{Folder, Name};
use crate::checkpoint::store::{Store, StoreError};
use crate::position::Offset;

/// The number of chains that are not deleted: two of them may turn out to be damaged.
pub const KEPT: usize = 3;

/// Deletes the objects that belong to none of the newest [`KEPT`] chains that are complete by their headers and sizes,
/// and returns how many it deleted. It deletes nothing while there are fewer chains. It is to be called after a base
/// has been written: only then can a chain have become too old.
///
/// # Errors
/// Fails if the store fails; what is left then is deleted the next time.
pub fn retire(store: &Store, folder: &Folder) -> Result<usize, StoreError> {
    let objects = store.list(folder)?;
    let bases = objects
        .iter()
        .filter(|stored| matches!(stored.name, Name::Base(_)));
    if bases.count() <= KEPT {
        return Ok(0);
    }
    let heads = store.read_heads(folder, &objects)?;
    let read = objects.iter().zip(heads).map(|(stored, head)| {
        let header = head.and_then(|head| format::decode_header(&head, stored.bytes).ok());
        let header = header.filter(|header| header.name() == stored.name);
        (stored.name, header.map(|header| header.kind))
    });
    let mut old = old(&read.collect::<Vec<_>>());
    // An object is deleted before the one that it rests on: whoever finds it, finds all of its chain, even after a
    // crash.
    old.reverse();
    store.delete(folder, &old)?;
    Ok(old.len())
}

/// Returns the `objects` that are to be deleted. They come in the order of their offsets, a base before a delta, each
/// with its kind if it can be read.
fn old(objects: &[(Name, Option<CheckpointKind>)]) -> Vec<Name> {
    // The base of the chain that ends at an offset.
    let mut bases: BTreeMap<Offset, Offset> = BTreeMap::new();
    // The offset at which the newest object of a base's chain ends.
    let mut ends: BTreeMap<Offset, Offset> = BTreeMap::new();
    // Objects that no chain needs: they rest on nothing, or there is a base of the same offset.
    let mut spare = HashSet::new();
    for &(name, kind) in objects {
        let next = name.next();
        let base = match kind {
            Some(CheckpointKind::Base) => Some(next),
            Some(CheckpointKind::Delta { previous }) => bases.get(&previous).copied(),
            None => None,
        };
        match base {
            // Recovery prefers a base, too.
            Some(base) if !bases.contains_key(&next) => {
                bases.insert(next, base);
                ends.insert(base, next);
            }
            _ => {
                spare.insert(name);
            }
        }
    }
    let mut chains: Vec<(Offset, Offset)> = ends.into_iter().collect();
    chains.sort_by_key(|&(_base, end)| Reverse(end));
    let Some(kept) = chains.get(..KEPT) else {
        return Vec::new();
    };
    let kept: BTreeSet<Offset> = kept.iter().map(|&(base, _end)| base).collect();
    let is_old = |name: &Name| {
        if spare.contains(name) {
            // Another writer may be about to write the object that it rests on.
            kept.first().is_some_and(|&oldest| name.next() < oldest)
        } else {
            bases
                .get(&name.next())
                .is_some_and(|base| !kept.contains(base))
        }
    };
    let names = objects.iter().map(|&(name, _kind)| name);
    names.filter(is_old).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The offsets of what is old; an object is given by where it ends and on what it rests.
    fn old_of(objects: &[(i64, Option<i64>)]) -> Vec<i64> {
        let objects: Vec<_> = objects
            .iter()
            .map(|&(next, previous)| match previous {
                None => (Name::Base(Offset(next)), Some(CheckpointKind::Base)),
                Some(previous) => {
                    let previous = Offset(previous);
                    (
                        Name::Delta(Offset(next)),
                        Some(CheckpointKind::Delta { previous }),
                    )
                }
            })
            .collect();
        old(&objects).iter().map(|name| name.next().0).collect()
    }

    #[test]
    fn the_newest_three_chains_are_kept() {
        let two = [(1, None), (2, Some(1)), (3, None)];
        assert!(old_of(&two).is_empty());
        let four = [(1, None), (2, Some(1)), (3, None), (4, None), (5, None)];
        assert_eq!(old_of(&four), [1, 2]);
    }

    #[test]
    fn a_chain_is_as_new_as_its_newest_object() {
        // A writer that has lost its partition has come further than its successor.
        let late = [(1, None), (3, None), (4, None), (5, None), (9, Some(1))];
        assert_eq!(old_of(&late), [3]);
    }

    #[test]
    fn an_old_chain_goes_as_a_whole() {
        let late = [
            (1, None),
            (3, None),
            (4, None),
            (5, None),
            (6, Some(1)),
            (7, Some(3)),
            (8, Some(4)),
            (9, Some(5)),
        ];
        assert_eq!(old_of(&late), [1, 6]);
    }

    #[test]
    fn what_rests_on_nothing_goes_when_it_is_old() {
        let orphans = [
            (2, Some(1)),
            (3, None),
            (4, None),
            (6, None),
            (9, Some(5)),
            (10, Some(9)),
        ];
        assert_eq!(old_of(&orphans), [2]);
    }

    #[test]
    fn what_cannot_be_read_is_no_chain() {
        let base = |next| Name::Base(Offset(next));
        let objects =
            [1, 2, 3, 4].map(|next| (base(next), (next != 3).then_some(CheckpointKind::Base)));
        assert_eq!(old(&objects), []);
        let objects =
            [1, 2, 3, 4, 5].map(|next| (base(next), (next != 1).then_some(CheckpointKind::Base)));
        assert_eq!(old(&objects), [base(1), base(2)]);
    }
}
