//! `load`: a load generator for FHIR R4 servers, this one or any other.
//!
//! It fills a server over HTTP with invented data made from a seed, runs workloads of the FHIR
//! REST interactions with several numbers of clients, and prints speed, latency, errors and what
//! the server spent. `docs/benchmarks.md` says how to run it and how to read its figures.
// Sums of measurements, far from any bound.
#![allow(clippy::arithmetic_side_effects)]

mod args;
mod bundle;
mod chains;
mod client;
mod histogram;
mod person;
mod prepare;
mod process;
mod random;
mod report;
mod request;
mod resources;
mod runner;
mod search;
mod workloads;

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use serde_json::{Value, json};

use args::{Args, Workload};
use client::Connection;
use prepare::Context;
use process::{Started, Watched};
use report::Report;
use request::Target;

/// How long a server that is being started may take to answer.
const START_LIMIT: Duration = Duration::from_secs(180);

fn main() -> ExitCode {
    let args = Args::parse().effective();
    // `cargo bench` and `cargo test --all-targets` run every benchmark, without a server.
    let Some(base) = args.base.clone() else {
        eprintln!("skipped: load needs a running server, --base URL (see --help)");
        return ExitCode::SUCCESS;
    };
    match run(&args, &base) {
        Ok(report) if args.smoke && !report.is_clean() => {
            eprintln!("smoke: errors, or a workload without a single good answer");
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, base: &str) -> Result<Report, String> {
    let target = Target::parse(base, &args.header)?;
    let begun = Instant::now();
    let mut started = match &args.start {
        Some(command) => Some(Started::run(command).map_err(|error| error.to_string())?),
        None => None,
    };
    let capabilities = wait_for(&target, started.as_mut())?;
    let start_millis = started
        .as_ref()
        .map(|_| begun.elapsed().as_secs_f64() * 1_000.0);
    let pids = started
        .as_ref()
        .map_or_else(|| args.pid.clone(), |server| vec![server.pid()]);
    let server = Watched::new(pids, args.disk.clone());
    if server.cpu_seconds().is_none() {
        eprintln!("no --pid or --start: CPU time and memory of the server are not reported");
    }
    let run = args.run.unwrap_or_else(run_of_now);
    let mut report = Report {
        command: args::shown_command(),
        machine: process::machine(),
        base: base.to_owned(),
        server: capabilities,
        settings: settings(args, run),
        start_millis,
        measured: Vec::new(),
    };
    println!("{}\n{} at {base}", report.machine, report.server);
    println!("settings {}", report.settings);
    if let Some(millis) = start_millis {
        println!("start to first answer {millis:.0} ms");
    }
    let mut context = Context::new(args.clone(), target, run);
    let mut headed = false;
    for workload in &args.workload {
        if *workload == Workload::Search {
            report.measured.extend(search::run(&context, &server)?);
            headed = false;
            continue;
        }
        if !std::mem::replace(&mut headed, true) {
            report::print_heading();
        }
        let counts = args.clients_of(*workload);
        let most = counts.iter().copied().max().unwrap_or(1);
        let prepared = workloads::prepare(&mut context, *workload, most)?;
        for clients in counts {
            let load = (workload.name(), prepared.as_ref());
            let row = runner::run(args, &context.target.address, load, *clients, &server)?;
            report::print_row(&row);
            report.measured.push(row);
        }
    }
    report.print_ratios();
    if let Some(path) = &args.report {
        let text = format!("{:#}\n", report.to_json());
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(report)
}

/// Waits for the first answer to `GET metadata` and returns the server's name and version in it.
/// Without a server of our own to wait for, the first failure is final.
fn wait_for(target: &Target, mut started: Option<&mut Started>) -> Result<String, String> {
    let runtime = runner::runtime()?;
    let request = target.get("metadata");
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let mut connection = Connection::new(&target.address);
        let answer = runtime.block_on(async {
            let call = connection.call(request.as_bytes());
            tokio::time::timeout(START_LIMIT, call).await
        });
        let failure = match answer {
            Ok(Ok(answer)) => return Ok(software(answer.body)),
            Ok(Err(failure)) => failure.label(),
            Err(_) => "no answer in time",
        };
        let wait = started.as_mut().is_some_and(|server| !server.has_ended());
        if !wait || Instant::now() > deadline {
            return Err(format!("no server at {}: {failure}", target.address));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn software(capability_statement: &[u8]) -> String {
    let statement: Value = serde_json::from_slice(capability_statement).unwrap_or_default();
    let text = |pointer| {
        statement
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("")
    };
    let (name, version) = (text("/software/name"), text("/software/version"));
    if name.is_empty() {
        "a server without a name".into()
    } else {
        format!("{name} {version}")
    }
}

fn settings(args: &Args, run: u32) -> Value {
    json!({
        "seconds": args.seconds.as_secs_f64(),
        "warmUp": args.warm_up.as_secs_f64(),
        "threads": args.threads,
        "resources": args.resources,
        "readBytes": args.read_bytes,
        "createBytes": args.create_bytes,
        "bundleEntries": args.bundle_entries,
        "bundles": args.bundles,
        "scale": args.scale,
        "patients": args.patients,
        "requests": args.requests,
        "seed": args.seed,
        "run": run,
    })
}

/// Seconds of the clock: another number for each run against a database that keeps its data.
fn run_of_now() -> u32 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u32::try_from(since.as_secs() & 0xffff_ffff).unwrap_or(0)
}
