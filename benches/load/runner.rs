//! Runs one workload with a number of clients and measures it.
//!
//! Closed loop: a client sends its next request when the answer to the last has come, so latency
//! and throughput belong together and neither says what an open stream of arrivals would meet.
//! A request counts when its answer comes inside the window; errors count whenever they come.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::args::Args;
use crate::client::{Connection, Failure};
use crate::histogram::Histogram;
use crate::process::Watched;
use crate::workloads::{Calls, Prepared};

/// What clients saw.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub latencies: Histogram,
    pub resources: u64,
    pub body_bytes: u64,
    /// Status or other reason, and how often.
    pub errors: BTreeMap<String, u64>,
}

impl Tally {
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    pub fn error(&mut self, reason: String, times: u64) {
        let count = self.errors.entry(reason).or_default();
        *count = count.saturating_add(times);
    }

    pub fn add(&mut self, other: Self) {
        self.latencies.add(&other.latencies);
        self.resources = self.resources.saturating_add(other.resources);
        self.body_bytes = self.body_bytes.saturating_add(other.body_bytes);
        for (reason, times) in other.errors {
            self.error(reason, times);
        }
    }
}

/// One measurement.
#[derive(Debug, Clone)]
pub struct Measured {
    pub workload: &'static str,
    pub clients: usize,
    pub seconds: f64,
    pub tally: Tally,
    pub server_cpu: Option<f64>,
    pub generator_cpu: Option<f64>,
    pub peak_kib: Option<f64>,
    pub resident_kib: Option<f64>,
    /// Growth of the server's data, over warm-up and measurement alike.
    pub disk_growth: Option<u64>,
    /// Resources written in warm-up and measurement.
    pub all_resources: u64,
    /// For searches whose pages are followed to the end.
    pub pages: Option<PageCost>,
}

/// Medians over the first and the last tenth of the pages, which ought to be the same.
#[derive(Debug, Clone)]
pub struct PageCost {
    pub first_micros: u64,
    pub last_micros: u64,
}

/// When answers count.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Instant,
    until: Instant,
    give_up: Instant,
}

impl Window {
    fn starting_now(args: &Args) -> Self {
        let from = Instant::now() + args.warm_up;
        let until = from + args.seconds;
        Self {
            from,
            until,
            give_up: until + args.timeout,
        }
    }
}

/// A runtime of one thread: each thread of the generator has its own, so none wakes another.
pub fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}

pub fn run(
    args: &Args,
    address: &str,
    (workload, prepared): (&'static str, &dyn Prepared),
    clients: usize,
    server: &Watched,
) -> Result<Measured, String> {
    let threads = args.threads.clamp(1, clients.max(1));
    let mut shares: Vec<Vec<Box<dyn Calls>>> = (0..threads).map(|_| Vec::new()).collect();
    for number in 0..clients {
        if let Some(share) = shares.get_mut(number % threads) {
            share.push(prepared.client(number));
        }
    }
    // One more for this thread, which reads the clocks of the processes meanwhile.
    let barrier = Barrier::new(threads.saturating_add(1));
    let own = Watched::own();
    server.reset_peak();
    let disk_before = server.disk_bytes();
    let mut measured = Measured {
        workload,
        clients,
        seconds: args.seconds.as_secs_f64(),
        tally: Tally::default(),
        server_cpu: None,
        generator_cpu: None,
        peak_kib: None,
        resident_kib: None,
        disk_growth: None,
        all_resources: 0,
        pages: None,
    };
    std::thread::scope(|scope| {
        let barrier = &barrier;
        let running: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || run_share(args, address, share, barrier)))
            .collect();
        barrier.wait();
        let window = Window::starting_now(args);
        sleep_until(window.from);
        let before = (server.cpu_seconds(), own.cpu_seconds());
        sleep_until(window.until);
        let after = (server.cpu_seconds(), own.cpu_seconds());
        measured.server_cpu = after.0.zip(before.0).map(|(after, before)| after - before);
        measured.generator_cpu = after.1.zip(before.1).map(|(after, before)| after - before);
        for thread in running {
            let share = thread
                .join()
                .map_err(|_| "a client thread panicked".to_owned())??;
            measured.all_resources = measured.all_resources.saturating_add(share.all_resources);
            measured.tally.add(share.tally);
        }
        Ok::<(), String>(())
    })?;
    if let Some((reason, times)) = prepared.faults() {
        measured.tally.error(reason, times);
    }
    measured.peak_kib = server.peak_kib();
    measured.resident_kib = server.resident_kib();
    measured.disk_growth = server
        .disk_bytes()
        .zip(disk_before)
        .map(|(after, before)| after.saturating_sub(before));
    Ok(measured)
}

fn sleep_until(when: Instant) {
    std::thread::sleep(when.saturating_duration_since(Instant::now()));
}

#[derive(Default)]
struct Share {
    tally: Tally,
    all_resources: u64,
}

fn run_share(
    args: &Args,
    address: &str,
    clients: Vec<Box<dyn Calls>>,
    barrier: &Barrier,
) -> Result<Share, String> {
    let runtime = runtime();
    let mut connections: Vec<Connection> =
        clients.iter().map(|_| Connection::new(address)).collect();
    if let Ok(runtime) = &runtime {
        for connection in &mut connections {
            // Who cannot connect now tries again with the first request, which counts.
            let _ = runtime.block_on(connection.open());
        }
    }
    barrier.wait();
    let window = Window::starting_now(args);
    runtime?.block_on(async {
        let mut tasks = JoinSet::new();
        for (connection, calls) in connections.into_iter().zip(clients) {
            tasks.spawn(run_client(connection, calls, window));
        }
        let mut all = Share::default();
        while let Some(done) = tasks.join_next().await {
            let one = done.map_err(|error| error.to_string())?;
            all.tally.add(one.tally);
            all.all_resources = all.all_resources.saturating_add(one.all_resources);
        }
        Ok(all)
    })
}

async fn run_client(connection: Connection, calls: Box<dyn Calls>, window: Window) -> Share {
    let mut share = Share::default();
    let driving = drive(connection, calls, window, &mut share);
    if tokio::time::timeout_at(window.give_up.into(), driving)
        .await
        .is_err()
    {
        share.tally.error("no answer in time".to_owned(), 1);
    }
    share
}

async fn drive(
    mut connection: Connection,
    mut calls: Box<dyn Calls>,
    window: Window,
    share: &mut Share,
) {
    let mut request = Vec::new();
    loop {
        request.clear();
        let expect = calls.next(&mut request);
        let sent = Instant::now();
        if sent >= window.until {
            return;
        }
        let outcome = connection.call(&request).await;
        let answered = Instant::now();
        calls.learn(outcome.as_ref().ok());
        match outcome {
            Ok(answer) if expect.statuses.contains(&answer.status) => {
                share.all_resources = share.all_resources.saturating_add(expect.resources);
                if answered < window.from || answered > window.until {
                    continue;
                }
                let bytes = u64::try_from(answer.body.len()).unwrap_or(0);
                let tally = &mut share.tally;
                tally.latencies.record(answered.duration_since(sent));
                tally.resources = tally.resources.saturating_add(expect.resources);
                tally.body_bytes = tally.body_bytes.saturating_add(bytes);
            }
            Ok(answer) => {
                let kind = if answer.status < 400 {
                    "unexpected "
                } else {
                    ""
                };
                share.tally.error(format!("{kind}{}", answer.status), 1);
            }
            Err(failure) => {
                share.tally.error(failure.label().to_owned(), 1);
                if failure == Failure::Connect {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}
