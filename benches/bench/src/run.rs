//! A whole run: all parts in turn, and their report.

use crate::{
    Failure,
    figures::Spread,
    machine::Machine,
    measure, peers,
    plan::{Options, Plan},
    probes, report, rest,
    results::Results,
    scaling, workloads,
};

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let workloads = workloads::all()?;
    let plan = Plan::new(options, &workloads)?;
    // One thread: the client takes no more than a core, and what it takes is the same for all servers.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let peers = if options.peers { peers::installed()? } else { Vec::new() };
    let mut results = Results {
        machine: Machine::read(),
        rounds: plan.rounds,
        seconds: plan.time.as_secs_f64(),
        taken_by_others: 0.0,
        workloads: Vec::new(),
        probes: Vec::new(),
        scaling: Vec::new(),
        at_rest: Vec::new(),
    };
    println!("{}", report::title(&results));
    let mut others = Vec::new();
    for workload in workloads.iter().filter(|workload| plan.includes(workload.name)) {
        let result = runtime.block_on(measure::workload(workload, &peers, &plan, &mut others))?;
        println!("{}", report::workload(&result));
        results.workloads.push(result);
    }
    if plan.includes("probes") {
        results.probes = runtime.block_on(probes::probes(&plan))?;
        println!("{}", report::probes(&results.probes));
    }
    if plan.includes("scaling") {
        results.scaling = runtime.block_on(scaling::scaling(&plan))?;
        println!("{}", report::scaling(&results.scaling));
    }
    if plan.includes("rest") {
        results.at_rest = runtime.block_on(rest::at_rest(&plan))?;
        println!("{}", report::at_rest(&results.at_rest));
    }
    if !others.is_empty() {
        results.taken_by_others = Spread::of(others).median;
        println!("{}", report::others(&results));
    }
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_vec_pretty(&results)?)?;
    }
    if options.write {
        report::write(&results)?;
    }
    Ok(())
}
