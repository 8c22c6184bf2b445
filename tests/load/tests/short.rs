//! Every scenario for a moment: that it runs, and that nothing is lost or wrong. What it says of speed is measured by the
//! long ones only.

use load::{SCENARIOS, Scale, build_engine};

#[test]
fn every_scenario_for_a_moment() {
    let engine = build_engine().expect("the engine is built");
    for scenario in SCENARIOS {
        let outcome = scenario.run(&engine, Scale { short: true, length: None });
        let outcome = outcome.unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        println!("{}\n{outcome}", scenario.name);
        assert!(outcome.is_good(), "{}:\n{outcome}", scenario.name);
    }
}
