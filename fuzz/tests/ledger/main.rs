//! Compares what an engine counts for requests of every kind with what a counting allocator has given to it.
//!
//! | file | contents |
//! |---|---|
//! | `held` | engines that hold their requests, and the comparison |
//! | `bodies` | the parts of bodies |
//! | `tensors`, `items`, `tokens`, `prompts`, `pictures` | the kinds of requests |

mod bodies;
mod held;
mod items;
mod pictures;
mod prompts;
mod tensors;
mod tokens;

use fuzz::memory::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn what_is_counted_is_what_is_resident() {
    let cases = [tensors::cases(), items::cases(), tokens::cases(), prompts::cases(), pictures::cases()];
    let cases = cases.into_iter().flatten();
    let only = std::env::var("LEDGER_ONLY").unwrap_or_default();
    let faults: Vec<String> =
        cases.filter(|case| case.name.contains(&only)).filter_map(|case| held::compare(&case).err()).collect();
    assert!(faults.is_empty(), "{} kinds of requests:\n{}", faults.len(), faults.join("\n"));
}
