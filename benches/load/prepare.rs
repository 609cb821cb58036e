//! Puts the data into the server that the workloads read, change or find again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::args::Args;
use crate::client::{Answer, Connection};
use crate::random::Random;
use crate::request::{Serials, Target};
use crate::resources::{self, SERIAL};

/// Connections that fill the server.
const FILLERS: usize = 32;
/// How often a request is repeated that a server turns away as overloaded or in conflict.
const TRIES: u32 = 50;
/// How long one write may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Logical id and version of what was written.
pub type Identity = (String, String);

/// A resource made for reading.
#[derive(Debug)]
pub struct Seeded {
    pub id: String,
    pub version: String,
    /// The version before it, if it was updated once.
    pub superseded: Option<String>,
}

/// The server, the settings, and what was put into the server so far.
#[derive(Debug)]
pub struct Context {
    pub args: Args,
    pub target: Arc<Target>,
    pub serials: Arc<Serials>,
    patients: Option<Arc<Vec<String>>>,
    read_set: Option<Arc<Vec<Seeded>>>,
}

impl Context {
    pub fn new(args: Args, target: Target, run: u32) -> Self {
        Self {
            args,
            target: Arc::new(target),
            serials: Arc::new(Serials::new(run)),
            patients: None,
            read_set: None,
        }
    }

    /// References of Patients that exist, one for every 50 resources.
    pub fn patients(&mut self) -> Result<Arc<Vec<String>>, String> {
        if let Some(patients) = &self.patients {
            return Ok(Arc::clone(patients));
        }
        let count = (self.args.resources / 50).clamp(1, 1_000);
        let created = self.fill("patients", count, |number| {
            let body = resources::patient(&mut self.stream(1, number));
            let body = body.replace(SERIAL, &self.serials.numbered('p', index(number)));
            self.target.send("POST", "Patient", "", &body)
        })?;
        let references = created
            .into_iter()
            .map(|(id, _)| format!("Patient/{id}"))
            .collect();
        let patients = Arc::new(references);
        self.patients = Some(Arc::clone(&patients));
        Ok(patients)
    }

    /// The DocumentReferences for reading; up to a thousand of them have a superseded version.
    pub fn read_set(&mut self) -> Result<Arc<Vec<Seeded>>, String> {
        if let Some(read_set) = &self.read_set {
            return Ok(Arc::clone(read_set));
        }
        let patients = self.patients()?;
        let body = |number: usize, space: char| {
            let mut random = self.stream(2, number);
            let subject = of(&patients, number);
            let bytes = self.args.read_bytes;
            let body = resources::document_reference(&mut random, subject, bytes);
            body.replace(SERIAL, &self.serials.numbered(space, index(number)))
        };
        let created = self.fill("documents to read", self.args.resources.max(1), |number| {
            self.target
                .send("POST", "DocumentReference", "", &body(number, 'd'))
        })?;
        let twice = created.len().div_ceil(2).min(1_000);
        let updated = self.fill("second versions", twice, |number| {
            let id = created.get(number).map_or("", |(id, _)| id);
            let body = resources::with_id(&body(number, 'v'), id);
            self.target
                .send("PUT", &format!("DocumentReference/{id}"), "", &body)
        })?;
        let mut newer = updated.into_iter();
        let seeded = created.into_iter().map(|(id, version)| match newer.next() {
            Some((_, second)) => Seeded {
                id,
                version: second,
                superseded: Some(version),
            },
            None => Seeded {
                id,
                version,
                superseded: None,
            },
        });
        let read_set = Arc::new(seeded.collect());
        self.read_set = Some(Arc::clone(&read_set));
        Ok(read_set)
    }

    /// Type and text of resource `number` for creating and updating: Observation and
    /// DocumentReference in turn, of invented variety, with the mark for the serial number.
    pub fn body(&self, patients: &[String], number: usize) -> (&'static str, String) {
        let mut random = self.stream(3, number);
        let (subject, bytes) = (of(patients, number), self.args.create_bytes);
        if number.is_multiple_of(2) {
            (
                "Observation",
                resources::observation(&mut random, subject, bytes),
            )
        } else {
            (
                "DocumentReference",
                resources::document_reference(&mut random, subject, bytes),
            )
        }
    }

    /// Random numbers of resource `number` of one `purpose`.
    pub fn stream(&self, purpose: u64, number: usize) -> Random {
        Random::stream(self.args.seed, (purpose << 48) | index(number))
    }

    /// Sends `count` writes and returns what the server says it wrote, in order.
    pub fn fill(
        &self,
        label: &'static str,
        count: usize,
        make: impl Fn(usize) -> String + Sync,
    ) -> Result<Vec<Identity>, String> {
        let identity = |answer: &Answer<'_>| answer.identity().ok_or("the answer names no id");
        self.write_all(label, (count, FILLERS), make, identity)
    }

    /// Sends `count` writes over `connections` and returns what `read` takes from each answer,
    /// in order.
    pub fn write_all<T: Send>(
        &self,
        label: &'static str,
        (count, connections): (usize, usize),
        make: impl Fn(usize) -> String + Sync,
        read: impl Fn(&Answer<'_>) -> Result<T, &'static str> + Sync,
    ) -> Result<Vec<T>, String> {
        let bar = ProgressBar::new(u64::try_from(count).unwrap_or(0)).with_message(label);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {eta} left") {
            bar.set_style(style);
        }
        let next = AtomicUsize::new(0);
        let filler = || -> Result<Vec<(usize, T)>, String> {
            let runtime = crate::runner::runtime()?;
            let mut connection = Connection::new(&self.target.address);
            let mut written = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(written);
                }
                let request = make(number);
                let outcome = runtime.block_on(write(&mut connection, request.as_bytes(), &read));
                match outcome {
                    Ok(taken) => written.push((number, taken)),
                    Err(error) => {
                        // The others need not go on either.
                        next.store(count, Ordering::Relaxed);
                        return Err(format!("cannot put {label} into the server: {error}"));
                    }
                }
                bar.inc(1);
            }
        };
        let mut all = Vec::with_capacity(count);
        let outcome = std::thread::scope(|scope| {
            let fillers: Vec<_> = (0..connections.min(count))
                .map(|_| scope.spawn(filler))
                .collect();
            for filler in fillers {
                all.extend(
                    filler
                        .join()
                        .map_err(|_| "a filling thread panicked".to_owned())??,
                );
            }
            Ok::<(), String>(())
        });
        bar.finish_and_clear();
        outcome?;
        all.sort_by_key(|(number, _)| *number);
        Ok(all.into_iter().map(|(_, taken)| taken).collect())
    }
}

async fn write<T>(
    connection: &mut Connection,
    request: &[u8],
    read: impl Fn(&Answer<'_>) -> Result<T, &'static str>,
) -> Result<T, String> {
    let mut tries = 0;
    loop {
        let answer = tokio::time::timeout(LIMIT, connection.call(request)).await;
        let answer = answer
            .map_err(|_| "no answer in time".to_owned())?
            .map_err(|failure| failure.label())?;
        match answer.status {
            200 | 201 => return read(&answer).map_err(str::to_owned),
            409 | 429 | 503 if tries < TRIES => tries += 1,
            status => {
                let body = String::from_utf8_lossy(answer.body);
                let start: String = body.chars().take(500).collect();
                return Err(format!("expected 200 or 201, found {status}: {start}"));
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn of(patients: &[String], number: usize) -> &str {
    patients
        .get(number % patients.len().max(1))
        .map_or("", String::as_str)
}

/// A number of a resource or client as the random and serial numbers take it.
pub fn index(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
