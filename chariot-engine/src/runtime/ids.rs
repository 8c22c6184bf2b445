//! [`Ids`]: ids for requests that bring none. The host makes one for each.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Makes random UUIDs: a keyed hash of how many there were, under a key of the host's own. The system is asked for random
/// bytes once, and not at every request.
#[derive(Debug, Default)]
pub(super) struct Ids {
    key: RandomState,
    count: AtomicU64,
}

impl Ids {
    pub(super) fn fresh(&self) -> Arc<str> {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let half = |which: bool| u128::from(self.key.hash_one((count, which)));
        let id = uuid::Builder::from_random_bytes((half(false) << 64 | half(true)).to_be_bytes()).into_uuid();
        Arc::from(&*id.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_uuids_and_no_two_are_the_same() {
        let (one, other) = (Ids::default(), Ids::default());
        let ids: HashSet<_> = (0..1000).flat_map(|_| [one.fresh(), other.fresh()]).collect();
        assert_eq!(ids.len(), 2000);
        for id in ids {
            let id: uuid::Uuid = id.parse().unwrap();
            assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
        }
    }
}
