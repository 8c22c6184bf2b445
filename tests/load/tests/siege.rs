//! A brief run of every attack: the engine keeps within its memory, lives, and serves the honest client beside the attack.

use load::{Scale, Target, build_engine, scenarios};

#[test]
fn every_attack_for_a_moment() {
    let engine = build_engine(Target::Besieged).expect("the engine is built");
    let mut failed = Vec::new();
    for scenario in scenarios().filter(|scenario| scenario.target == Target::Besieged) {
        let outcome = scenario.run(&engine, Scale { short: true, length: None });
        let outcome = outcome.unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        println!("{}\n{outcome}", scenario.name);
        if !outcome.is_good() {
            failed.push(scenario.name);
        }
    }
    assert!(failed.is_empty(), "attacks that succeeded: {failed:?}");
}
