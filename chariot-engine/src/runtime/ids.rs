//! [`Ids`], which makes IDs for requests without one.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A generator of random UUIDs: a keyed hash of a counter, with a random key for each host. The system provides random
/// bytes once and not for every request.
#[derive(Debug, Default)]
pub(super) struct Ids {
    key: RandomState,
    count: AtomicU64,
}

impl Ids {
    /// Returns a new ID.
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
    fn ids_are_unique_uuids() {
        let (one, other) = (Ids::default(), Ids::default());
        let ids: HashSet<_> = (0..1000).flat_map(|_| [one.fresh(), other.fresh()]).collect();
        assert_eq!(ids.len(), 2000);
        for id in ids {
            let id: uuid::Uuid = id.parse().unwrap();
            assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
        }
    }
}
