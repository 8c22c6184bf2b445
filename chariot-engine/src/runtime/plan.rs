//! How the items of a request become batches: of one group each, and of no more cost than one call of `infer` takes.

use std::collections::HashMap;

use crate::model::Load;

/// The batches of some items, by index, in the order of their first items. An item that costs more than `max_cost` goes
/// alone.
pub(super) fn batches(loads: impl Iterator<Item = Load>, max_cost: usize) -> Vec<Vec<usize>> {
    struct Open {
        cost: usize,
        batch: usize,
    }
    let mut batches: Vec<Vec<usize>> = Vec::new();
    // By group, of which a caller may send many.
    let mut open: HashMap<u64, Open> = HashMap::new();
    for (index, load) in loads.enumerate() {
        match open.get_mut(&load.group) {
            Some(open) if open.cost.saturating_add(load.cost) <= max_cost => {
                open.cost += load.cost;
                batches[open.batch].push(index);
            }
            _ => {
                open.insert(load.group, Open { cost: load.cost, batch: batches.len() });
                batches.push(vec![index]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(loads: &[(usize, u64)], max: usize) -> Vec<Vec<usize>> {
        batches(loads.iter().map(|&(cost, group)| Load::of(cost).group(group)), max)
    }

    #[test]
    fn items_go_together_by_group_and_cost() {
        assert_eq!(plan(&[(1, 0); 5], 2), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(plan(&[(1, 0), (1, 1), (1, 0)], 9), [vec![0, 2], vec![1]]);
        assert_eq!(plan(&[(1, 0), (50, 0), (1, 0)], 9), [vec![0], vec![1], vec![2]]);
        assert_eq!(plan(&[(usize::MAX, 0), (1, 0)], 9), [vec![0], vec![1]]);
        assert!(plan(&[], 1).is_empty());
    }
}
