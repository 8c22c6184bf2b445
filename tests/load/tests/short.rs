//! A brief run of every scenario but the siege: nothing is lost or wrong. Only full-length runs measure performance.

use load::{Scale, Target, build_engine, scenarios};

#[test]
fn every_scenario_for_a_moment() {
    let engine = build_engine(Target::Faulty).expect("the engine is built");
    for scenario in scenarios().filter(|scenario| scenario.target == Target::Faulty) {
        let outcome = scenario.run(&engine, Scale { short: true, length: None });
        let outcome = outcome.unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        println!("{}\n{outcome}", scenario.name);
        assert!(outcome.is_good(), "{}:\n{outcome}", scenario.name);
    }
}
