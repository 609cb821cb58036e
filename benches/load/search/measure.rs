//! Runs one search with a number of clients and measures it.
//!
//! Closed loop, as in `runner`, but a measurement may also end after a number of requests, and
//! a client that follows pages goes on to the last one: then the time runs until the last client
//! is done. A search that follows pages has no warm-up; its first pages are the reading in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::answer::judge;
use super::queries::{Finds, Search};
use super::shape::Shape;
use crate::args::Args;
use crate::client::{Connection, Failure};
use crate::histogram::Histogram;
use crate::prepare::index;
use crate::process::Watched;
use crate::random::Random;
use crate::request::Target;
use crate::runner::{Measured, PageCost, Tally, runtime};

/// Walks of fewer pages have no tenths to compare.
const TENTHS: usize = 10;

pub fn measure(
    args: &Args,
    (target, shape): (&Arc<Target>, &Arc<Shape>),
    search: &'static Search,
    clients: usize,
    server: &Watched,
) -> Result<Measured, String> {
    let threads = args.threads.clamp(1, clients.max(1));
    let mut shares = Vec::new();
    for thread in 0..threads {
        let numbers = (thread..clients).step_by(threads);
        let clients: Vec<Client> = numbers
            .map(|number| Client::new(target, shape, search, number))
            .collect();
        shares.push((runtime()?, clients));
    }
    let barrier = Barrier::new(threads + 1);
    let own = Watched::own();
    let sent = Arc::new(AtomicU64::new(0));
    std::thread::scope(|scope| {
        let (barrier, sent) = (&barrier, &sent);
        let running: Vec<_> = shares
            .into_iter()
            .map(|(runtime, clients)| {
                scope.spawn(move || run_share(args, &runtime, clients, (barrier, sent)))
            })
            .collect();
        barrier.wait();
        server.reset_peak();
        let before = (server.cpu_seconds(), own.cpu_seconds());
        let begun = Instant::now();
        barrier.wait();
        let mut all = Seen::default();
        for thread in running {
            let share = thread.join();
            all.add(share.map_err(|_| "a client thread panicked".to_owned())??);
        }
        let after = (server.cpu_seconds(), own.cpu_seconds());
        Ok(Measured {
            workload: search.name,
            clients,
            seconds: begun.elapsed().as_secs_f64(),
            tally: all.tally,
            server_cpu: after.0.zip(before.0).map(|(after, before)| after - before),
            generator_cpu: after.1.zip(before.1).map(|(after, before)| after - before),
            peak_kib: server.peak_kib(),
            resident_kib: server.resident_kib(),
            disk_growth: None,
            all_resources: 0,
            pages: (all.first.count() > 0).then(|| PageCost {
                first_micros: all.first.permille_micros(500),
                last_micros: all.last.permille_micros(500),
            }),
        })
    })
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    tally: Tally,
    /// Latencies of the first and the last tenth of the pages of each whole walk.
    first: Histogram,
    last: Histogram,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.tally.add(other.tally);
        self.first.add(&other.first);
        self.last.add(&other.last);
    }
}

/// When a client stops.
#[derive(Clone)]
struct Bounds {
    until: Instant,
    give_up: Instant,
    requests: u64,
    sent: Arc<AtomicU64>,
}

impl Bounds {
    fn starting_now(args: &Args, length: Duration, requests: u64, sent: Arc<AtomicU64>) -> Self {
        let until = Instant::now() + length;
        Self {
            until,
            give_up: until + args.timeout,
            requests,
            sent,
        }
    }

    /// Takes leave to send one more request.
    fn allow(&self) -> bool {
        let before = self.sent.fetch_add(1, Ordering::Relaxed);
        before < self.requests && Instant::now() < self.until
    }
}

fn run_share(
    args: &Args,
    runtime: &Runtime,
    mut clients: Vec<Client>,
    (barrier, sent): (&Barrier, &Arc<AtomicU64>),
) -> Result<Seen, String> {
    let pages = clients.iter().any(Client::follows_pages);
    let mut warmed = Ok(());
    if !pages && !args.smoke {
        let uncounted = Arc::new(AtomicU64::new(0));
        let bounds = Bounds::starting_now(args, args.warm_up, u64::MAX, uncounted);
        let driven = drive_all(runtime, std::mem::take(&mut clients), &bounds);
        warmed = driven.map(|(_, back)| clients = back);
    }
    // Both barriers are passed whatever happened, or the others would wait for ever.
    barrier.wait();
    barrier.wait();
    warmed?;
    let requests = args.requests.unwrap_or(u64::MAX);
    let bounds = Bounds::starting_now(args, args.seconds, requests, Arc::clone(sent));
    drive_all(runtime, clients, &bounds).map(|(seen, _)| seen)
}

fn drive_all(
    runtime: &Runtime,
    clients: Vec<Client>,
    bounds: &Bounds,
) -> Result<(Seen, Vec<Client>), String> {
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for client in clients {
            tasks.spawn(client.drive(bounds.clone()));
        }
        let (mut all, mut back) = (Seen::default(), Vec::new());
        while let Some(done) = tasks.join_next().await {
            let (seen, client) = done.map_err(|error| error.to_string())?;
            all.add(seen);
            back.push(client);
        }
        Ok((all, back))
    })
}

/// One client with its connection and its place in the pages.
struct Client {
    connection: Connection,
    target: Arc<Target>,
    shape: Arc<Shape>,
    search: &'static Search,
    random: Random,
    /// The next page of the walk under way.
    next: Option<String>,
    /// Matches and latencies of the walk under way.
    found: u64,
    latencies: Vec<Duration>,
}

impl Client {
    fn new(
        target: &Arc<Target>,
        shape: &Arc<Shape>,
        search: &'static Search,
        number: usize,
    ) -> Self {
        Self {
            connection: Connection::new(&target.address),
            target: Arc::clone(target),
            shape: Arc::clone(shape),
            search,
            random: Random::stream(shape.seed, (24 << 48) | index(number)),
            next: None,
            found: 0,
            latencies: Vec::new(),
        }
    }

    fn follows_pages(&self) -> bool {
        matches!(self.search.finds, Finds::Pages(_))
    }

    async fn drive(mut self, bounds: Bounds) -> (Seen, Self) {
        let mut seen = Seen::default();
        loop {
            let request = match self.next.take() {
                Some(path) if Instant::now() < bounds.give_up => self.target.get_on_host(&path),
                Some(_) => {
                    seen.tally.error("pages not ended in time".to_owned(), 1);
                    break;
                }
                None if bounds.allow() => {
                    self.found = 0;
                    self.latencies.clear();
                    let path = self.search.path(&self.shape, &mut self.random);
                    self.target.get(&path)
                }
                None => break,
            };
            let limit = bounds.give_up.into();
            let call = tokio::time::timeout_at(limit, self.ask(&request, &mut seen));
            let outcome = call.await.unwrap_or_else(|_| {
                // An answer that is still to come must not be taken for that to the next request.
                self.connection = Connection::new(&self.target.address);
                Err("no answer in time".to_owned())
            });
            if let Err(reason) = outcome {
                let pause = reason == Failure::Connect.label();
                seen.tally.error(reason, 1);
                if pause {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        (seen, self)
    }

    /// Sends one request, and takes note of a good answer.
    async fn ask(&mut self, request: &str, seen: &mut Seen) -> Result<(), String> {
        let sent = Instant::now();
        let outcome = self.connection.call(request.as_bytes()).await;
        let latency = sent.elapsed();
        let answer = outcome.map_err(|failure| failure.label())?;
        if answer.status != 200 {
            return Err(answer.status.to_string());
        }
        let page = judge(answer.body, self.search.finds)?;
        let tally = &mut seen.tally;
        tally.latencies.record(latency);
        tally.resources += page.entries;
        tally.body_bytes += index(answer.body.len());
        if let Finds::Pages(least) = self.search.finds {
            self.found += page.matches;
            self.latencies.push(latency);
            self.next = page.next;
            if self.next.is_none() {
                if self.found < index(least(&self.shape)) {
                    return Err("pages ended too early".into());
                }
                self.compare_tenths(seen);
            }
        }
        Ok(())
    }

    fn compare_tenths(&self, seen: &mut Seen) {
        let pages = self.latencies.len();
        let tenth = pages / TENTHS;
        for latency in self.latencies.iter().take(tenth) {
            seen.first.record(*latency);
        }
        for latency in self.latencies.iter().skip(pages - tenth) {
            seen.last.record(*latency);
        }
    }
}
