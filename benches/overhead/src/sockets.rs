//! The comparison over sockets: alternating rounds, and the table of results.

use http::Request;
use http_body_util::Full;
use tokio::runtime::Runtime;

use crate::{
    Case, Failure,
    client::{Client, Round},
    codec, cores,
    figures::{Spread, duration, median, percentile},
    runtime, servers,
};

/// The numbers of concurrent connections.
const CONNECTIONS: [usize; 3] = [1, 8, 32];

/// The number of measured rounds per server, after one round that is discarded.
const ROUNDS: usize = 7;

pub(crate) fn run(cases: &[Case]) -> Result<(), Failure> {
    println!("# Overhead of the server, compared with bare hyper\n");
    println!(
        "Client, engine and bare server share this machine's {} cores: what one takes is missing from the others, so \
         compare ratios, not rates. Rates and latencies are medians over {ROUNDS} rounds. The ratio is the engine's \
         rate by that of the bare server in the same round: median (lowest to highest).\n",
        cores()
    );
    println!(
        "| request | connections | bare req/s | engine req/s | bare p50 | engine p50 | bare p99 | engine p99 | ratio |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---|"
    );
    // Client and servers have separate runtimes, so that they communicate through the kernel like separate processes.
    let (client, servers) = (runtime()?, runtime()?);
    for case in cases {
        compare(case, &client, &servers)?;
    }
    servers.shutdown_background();
    println!();
    for case in cases {
        println!("- {}: {}; {}", case.name, case.about, codec::measure(case)?);
    }
    Ok(())
}

/// Measures both servers in turn, with every number of connections.
fn compare(case: &Case, client: &Runtime, servers: &Runtime) -> Result<(), Failure> {
    let request = case.request()?;
    let (engine_address, engine) = servers.block_on(servers::engine(case))?;
    // The bare server returns the response of the engine, so that both write the same number of bytes.
    let answer = client.block_on(once(engine_address, request.clone()))?;
    let bytes = answer.len();
    let bare_address = servers.block_on(servers::bare(answer, engine.settings().header_timeout))?;
    for connections in CONNECTIONS {
        let rounds = client.block_on(async {
            let mut of_bare = Client::connect(bare_address, connections).await?;
            let mut of_engine = Client::connect(engine_address, connections).await?;
            let mut rounds = Vec::with_capacity(1 + ROUNDS);
            for _ in 0..=ROUNDS {
                let bare = of_bare.round(&request, case.requests, bytes).await?;
                let engine = of_engine.round(&request, case.requests, bytes).await?;
                rounds.push((Figures::of(&bare), Figures::of(&engine)));
            }
            Ok::<_, Failure>(rounds)
        })?;
        println!("{}", row(case, connections, &rounds[1..]));
    }
    servers.block_on(engine.shutdown());
    Ok(())
}

async fn once(address: std::net::SocketAddr, request: Request<Full<bytes::Bytes>>) -> Result<bytes::Bytes, Failure> {
    Client::connect(address, 1).await?.ask(request).await
}

/// The results of a round; latencies in seconds.
struct Figures {
    rate: f64,
    p50: f64,
    p99: f64,
}

impl Figures {
    fn of(round: &Round) -> Self {
        let latencies: Vec<f64> = round.latencies.iter().map(std::time::Duration::as_secs_f64).collect();
        Figures {
            rate: latencies.len() as f64 / round.took.as_secs_f64(),
            p50: percentile(&latencies, 0.5),
            p99: percentile(&latencies, 0.99),
        }
    }
}

fn row(case: &Case, connections: usize, rounds: &[(Figures, Figures)]) -> String {
    let bare = |figure: fn(&Figures) -> f64| median(rounds.iter().map(|(bare, _)| figure(bare)));
    let engine = |figure: fn(&Figures) -> f64| median(rounds.iter().map(|(_, engine)| figure(engine)));
    let ratio = Spread::of(rounds.iter().map(|(bare, engine)| engine.rate / bare.rate));
    format!(
        "| {} | {connections} | {:.0} | {:.0} | {} | {} | {} | {} | {ratio} |",
        case.name,
        bare(|of| of.rate),
        engine(|of| of.rate),
        duration(bare(|of| of.p50)),
        duration(engine(|of| of.p50)),
        duration(bare(|of| of.p99)),
        duration(engine(|of| of.p99)),
    )
}
