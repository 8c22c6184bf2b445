//! [`Turns`], the order in which flows are served: in rounds, each flow for its share of the cost. The queue and the
//! decoders call it.

use std::collections::BTreeMap;

/// The most that one charge can cost, in shares of a round. A flow waits for at most as many rounds.
const MAX_ROUNDS: u64 = 16;

/// Flows that take turns (deficit round-robin). In each round, a flow is served until it has spent its share; what it
/// spends beyond is taken from its share of the next rounds. A new flow waits for one turn of each other flow.
pub(super) struct Turns<K, F> {
    /// The flow whose turn it is, which is the only one most of the time.
    first: Option<(Place, Flow<K, F>)>,
    /// The others. There are none without a first one.
    rest: BTreeMap<Place, Flow<K, F>>,
    /// The places of the others.
    places: BTreeMap<K, Place>,
    /// The share of each flow in a round.
    share: u64,
    /// The latest round in which a flow was served.
    served: u64,
    /// The number of places given so far.
    given: u64,
}

/// The place of a flow: its round, and its place in the round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    round: u64,
    number: u64,
}

struct Flow<K, F> {
    key: K,
    /// The rest of its share, at least 1.
    credit: u64,
    content: F,
}

impl<K: Ord + Copy, F> Turns<K, F> {
    /// Creates an empty order. In each round, a flow can spend `share`.
    pub(super) fn new(share: u64) -> Self {
        Turns { first: None, rest: BTreeMap::new(), places: BTreeMap::new(), share: share.max(1), served: 0, given: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Adds a flow, last in the round after the present one. Has no effect if there is one of this key.
    pub(super) fn add(&mut self, key: K, new: impl FnOnce() -> F) {
        if self.contains(key) {
            return;
        }
        // The flow whose turn it is may be passed over for a while; it does not hold back those that are served.
        let round = self.first.as_ref().map_or(0, |(first, _)| first.round).max(self.served);
        let place = self.place(round.saturating_add(1));
        self.insert(place, Flow { key, credit: self.share, content: new() });
    }

    fn contains(&self, key: K) -> bool {
        self.first.as_ref().is_some_and(|(_, first)| first.key == key) || self.places.contains_key(&key)
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut F> {
        match &mut self.first {
            Some((_, first)) if first.key == key => Some(&mut first.content),
            _ => Some(&mut self.rest.get_mut(self.places.get(&key)?)?.content),
        }
    }

    /// Returns the flow whose turn it is.
    pub(super) fn first(&mut self) -> Option<(K, &mut F)> {
        self.first.as_mut().map(|(_, flow)| (flow.key, &mut flow.content))
    }

    /// Iterates over the flows in the order of their turns.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &F)> {
        let first = self.first.iter().map(|(_, flow)| flow);
        first.chain(self.rest.values()).map(|flow| (flow.key, &flow.content))
    }

    /// Iterates over the flows in the order of their turns.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (K, &mut F)> {
        let first = self.first.iter_mut().map(|(_, flow)| flow);
        first.chain(self.rest.values_mut()).map(|flow| (flow.key, &mut flow.content))
    }

    /// Charges a flow for what it was served. Its turn ends once its share is spent.
    pub(super) fn spend(&mut self, key: K, cost: u64) {
        let Some((place, mut flow)) = self.take(key) else { return };
        let cost = cost.min(self.share.saturating_mul(MAX_ROUNDS));
        self.served = self.served.max(place.round);
        let place = if cost < flow.credit {
            flow.credit -= cost;
            place
        } else {
            let over = cost - flow.credit;
            flow.credit = self.share - over % self.share;
            let next = place.round.saturating_add(1).saturating_add(over / self.share);
            self.place(next.max(self.served))
        };
        self.insert(place, flow);
    }

    /// Removes a flow that has nothing left to be served.
    pub(super) fn remove(&mut self, key: K) -> Option<F> {
        self.take(key).map(|(_, flow)| flow.content)
    }

    /// Removes all flows, and returns them in the order of their turns.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = F> + use<K, F> {
        self.places.clear();
        let first = self.first.take().map(|(_, flow)| flow);
        first.into_iter().chain(std::mem::take(&mut self.rest).into_values()).map(|flow| flow.content)
    }

    fn place(&mut self, round: u64) -> Place {
        self.given += 1;
        Place { round, number: self.given }
    }

    fn insert(&mut self, place: Place, flow: Flow<K, F>) {
        let later = match &mut self.first {
            None => {
                self.first = Some((place, flow));
                return;
            }
            Some(first) if place < first.0 => std::mem::replace(first, (place, flow)),
            Some(_) => (place, flow),
        };
        self.places.insert(later.1.key, later.0);
        self.rest.insert(later.0, later.1);
    }

    fn take(&mut self, key: K) -> Option<(Place, Flow<K, F>)> {
        if self.first.as_ref().is_some_and(|(_, first)| first.key == key) {
            let next = self.rest.pop_first();
            if let Some((_, flow)) = &next {
                self.places.remove(&flow.key);
            }
            return std::mem::replace(&mut self.first, next);
        }
        let place = self.places.remove(&key)?;
        Some((place, self.rest.remove(&place)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const SHARE: u64 = 8;

    /// Serves the first flow at this cost, and returns its key.
    fn serve(turns: &mut Turns<u8, ()>, cost: impl Fn(u8) -> u64) -> u8 {
        let (key, ()) = turns.first().expect("a flow");
        turns.spend(key, cost(key));
        key
    }

    fn flows(keys: impl IntoIterator<Item = u8>) -> Turns<u8, ()> {
        let mut turns = Turns::new(SHARE);
        for key in keys {
            turns.add(key, || ());
        }
        turns
    }

    #[test]
    fn a_flow_that_is_passed_over_holds_back_no_other() {
        let mut turns = flows([0, 1]);
        let mut served = 0;
        for _ in 0..300 {
            // They come back whenever they have been served.
            [2, 3].into_iter().for_each(|key| turns.add(key, || ()));
            let (key, ()) = turns.iter().find(|(key, ())| *key != 0).expect("a flow");
            turns.spend(key, SHARE);
            if key == 1 {
                served += 1;
            } else {
                turns.remove(key);
            }
        }
        assert!((90..=110).contains(&served), "{served}");
    }

    #[test]
    fn a_flow_is_served_until_its_share_is_spent() {
        let mut turns = flows([0, 1]);
        let served: Vec<u8> =
            (0..8).map(|_| serve(&mut turns, |key| if key == 0 { SHARE / 2 } else { SHARE })).collect();
        assert_eq!(served, [0, 0, 1, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn what_a_flow_spends_beyond_its_share_is_taken_from_the_next() {
        let mut turns = flows([0, 1]);
        let served: Vec<u8> =
            (0..9).map(|_| serve(&mut turns, |key| if key == 0 { 3 * SHARE } else { SHARE })).collect();
        // The second flow has come in a round later.
        assert_eq!(served, [0, 1, 1, 0, 1, 1, 1, 0, 1]);
        // However much it costs: a charge has a limit, and nothing overflows.
        let mut turns = flows([0, 1]);
        let cost = |key: u8| if key == 0 { u64::MAX } else { SHARE };
        let served: Vec<u8> = (0..=MAX_ROUNDS + 1).map(|_| serve(&mut turns, cost)).collect();
        assert_eq!(served.iter().filter(|key| **key == 0).count(), 2);
        let mut huge = Turns::new(u64::MAX);
        huge.add(0, || ());
        huge.spend(0, u64::MAX);
        huge.spend(0, u64::MAX);
        assert!(huge.first().is_some() && huge.remove(0).is_some() && huge.is_empty());
    }

    #[test]
    fn a_flow_alone_is_served_whatever_it_has_spent() {
        let mut turns = flows([7]);
        for _ in 0..100 {
            assert_eq!(serve(&mut turns, |_| 5 * SHARE), 7);
        }
    }

    proptest! {
        /// However flows come, go and spend, a flow that waits is served after at most one turn of each other.
        #[test]
        fn a_new_flow_waits_for_one_turn_of_each_other(
            steps in prop::collection::vec((0..6u8, 1..=SHARE, any::<bool>()), 1..200),
        ) {
            let mut turns: Turns<u8, ()> = Turns::new(SHARE);
            // For each flow without a turn so far: the cost that each other flow has spent since its arrival.
            let mut waiting: HashMap<u8, HashMap<u8, u64>> = HashMap::new();
            for (key, cost, leaves) in steps {
                if turns.get_mut(key).is_none() {
                    turns.add(key, || ());
                    waiting.insert(key, HashMap::new());
                }
                let (served, ()) = turns.first().expect("a flow");
                waiting.remove(&served);
                for spent in waiting.values_mut() {
                    *spent.entry(served).or_default() += cost;
                    prop_assert!(spent[&served] < 2 * SHARE, "{served} spent {spent:?}");
                }
                turns.spend(served, cost);
                if leaves {
                    turns.remove(served);
                    for spent in waiting.values_mut() {
                        spent.remove(&served);
                    }
                }
            }
        }

        /// Flows that always wait get equal shares of the cost, whatever each of their calls costs.
        #[test]
        fn flows_that_always_wait_spend_the_same(costs in prop::collection::vec(1..=2 * SHARE, 2..6)) {
            let mut turns = flows(0..costs.len() as u8);
            let mut spent = vec![0; costs.len()];
            for _ in 0..1000 {
                let key = serve(&mut turns, |key| costs[usize::from(key)]);
                spent[usize::from(key)] += costs[usize::from(key)];
                let (least, most) = (spent.iter().min().unwrap(), spent.iter().max().unwrap());
                prop_assert!(most - least <= 4 * SHARE, "{spent:?}");
            }
        }
    }
}
