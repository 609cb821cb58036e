//! The workloads: which request comes next, and which answer it must get.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::args::Workload;
use crate::bundle;
use crate::chains::{Crud, Mix};
use crate::client::Answer;
use crate::prepare::{Context, index};
use crate::random::Random;
use crate::request::{Serials, Template};
use crate::resources::{self, SERIAL, SYSTEM};

/// Different texts that the creating workloads send in turn.
pub const VARIETY: usize = 64;
/// Resources that each client of the update workload owns.
const OWNED: usize = 4;
/// Resources that exist before the conditional creates.
const EXISTING: usize = 1_000;
/// Clients that ask for the same new identifier at once.
const RACERS: u64 = 4;

/// One client's endless sequence of requests.
pub trait Calls: Send {
    /// Writes the next request into `request`, which is empty.
    fn next(&mut self, request: &mut Vec<u8>) -> Expect;

    /// Takes note of the answer; none when there was none.
    fn learn(&mut self, _answer: Option<&Answer<'_>>) {}
}

/// What the answer to a request must be.
#[derive(Debug, Clone, Copy)]
pub struct Expect {
    pub statuses: &'static [u16],
    /// Resources read or written by it.
    pub resources: u64,
}

impl Expect {
    pub fn one(statuses: &'static [u16]) -> Self {
        Self {
            statuses,
            resources: 1,
        }
    }
}

/// A workload whose data is in the server.
pub trait Prepared {
    /// The requests of client `number`.
    fn client(&self, number: usize) -> Box<dyn Calls>;

    /// What the answers taken together show to be wrong, and how often.
    fn faults(&self) -> Option<(String, u64)> {
        None
    }
}

/// Puts into the server what `workload` needs, for up to `clients` clients.
pub fn prepare(
    context: &mut Context,
    workload: Workload,
    clients: usize,
) -> Result<Box<dyn Prepared>, String> {
    let target = Arc::clone(&context.target);
    let serials = Arc::clone(&context.serials);
    let seed = context.args.seed;
    Ok(match workload {
        Workload::Search => return Err("search prepares its data itself".into()),
        Workload::Mem => {
            let path = context
                .args
                .mem_path
                .as_deref()
                .ok_or("mem needs --mem-path")?;
            let request = |number: usize| {
                target
                    .get_on_host(&path.replace("{id}", &number.to_string()))
                    .into_bytes()
            };
            let requests = Arc::new((0..context.args.resources.max(1)).map(request).collect());
            Box::new(Fetching { requests, seed })
        }
        Workload::Read => {
            let set = context.read_set()?;
            let request = |id: &str| target.get(&format!("DocumentReference/{id}")).into_bytes();
            let requests = set.iter().map(|seeded| request(&seeded.id)).collect();
            Box::new(Fetching {
                requests: Arc::new(requests),
                seed,
            })
        }
        Workload::Vread => {
            let set = context.read_set()?;
            let request = |id: &str, version: &str| {
                target
                    .get(&format!("DocumentReference/{id}/_history/{version}"))
                    .into_bytes()
            };
            let twice = set.iter().filter_map(|seeded| {
                let superseded = seeded.superseded.as_deref()?;
                Some([superseded, &seeded.version].map(|version| request(&seeded.id, version)))
            });
            Box::new(Fetching {
                requests: Arc::new(twice.flatten().collect()),
                seed,
            })
        }
        Workload::Create => {
            let templates = bodies(context)?
                .into_iter()
                .map(|(kind, body)| Template::new(target.send("POST", kind, "", &body), 1));
            let templates = vec![Arc::new(templates.collect())];
            Box::new(Sending {
                templates,
                serials,
                statuses: &[201],
            })
        }
        Workload::Mix => Box::new(Mix {
            target,
            serials,
            bodies: Arc::new(bodies(context)?),
        }),
        Workload::Crud => Box::new(Crud::new(target, serials, Arc::new(bodies(context)?))),
        Workload::Update => Box::new(update(context, clients)?),
        Workload::ConditionalCreate => {
            let created = context.fill("patients to find", EXISTING, |number| {
                let serial = serials.numbered('e', index(number));
                let body = resources::patient(&mut context.stream(4, number));
                target.send("POST", "Patient", "", &body.replace(SERIAL, &serial))
            })?;
            let existing = u64::try_from(created.len()).unwrap_or(0);
            let templates = Arc::new(conditional_patients(context));
            Box::new(Conditional {
                templates,
                serials,
                existing,
            })
        }
        Workload::ConditionalRace => {
            let templates = Arc::new(conditional_patients(context));
            Box::new(Racing {
                templates,
                serials,
                race: Arc::new(Race::default()),
            })
        }
        Workload::MiniTransaction => {
            let template = |number| {
                let body = resources::mini_transaction(&mut context.stream(5, number));
                Template::new(target.send("POST", "", "", &body), 2)
            };
            let templates = vec![Arc::new((0..VARIETY).map(template).collect())];
            Box::new(Sending {
                templates,
                serials,
                statuses: &[200],
            })
        }
        Workload::Import => {
            let template = |number| {
                let least = context.args.bundle_entries;
                let record = bundle::record(&mut context.stream(6, number), least);
                Template::new(target.send("POST", "", "", &record.text), record.resources)
            };
            let templates = (0..context.args.bundles.max(1)).map(template).collect();
            Box::new(Sending {
                templates: vec![Arc::new(templates)],
                serials,
                statuses: &[200],
            })
        }
    })
}

fn bodies(context: &mut Context) -> Result<Vec<(&'static str, String)>, String> {
    let patients = context.patients()?;
    Ok((0..VARIETY)
        .map(|number| context.body(&patients, number))
        .collect())
}

fn update(context: &mut Context, clients: usize) -> Result<Sending, String> {
    let patients = context.patients()?;
    let (target, serials) = (Arc::clone(&context.target), Arc::clone(&context.serials));
    let owned = context.fill("resources to update", clients.max(1) * OWNED, |number| {
        let (kind, body) = context.body(&patients, number);
        target.send(
            "POST",
            kind,
            "",
            &body.replace(SERIAL, &serials.numbered('o', index(number))),
        )
    })?;
    let requests: Vec<Template> = owned
        .iter()
        .enumerate()
        .map(|(number, (id, _))| {
            let (kind, body) = context.body(&patients, number);
            let body = resources::with_id(&body, id);
            Template::new(target.send("PUT", &format!("{kind}/{id}"), "", &body), 1)
        })
        .collect();
    let mut requests = requests.into_iter();
    let templates = (0..clients.max(1))
        .map(|_| Arc::new(requests.by_ref().take(OWNED).collect()))
        .collect();
    Ok(Sending {
        templates,
        serials,
        statuses: &[200],
    })
}

/// Patients that are created only when none has the identifier yet.
fn conditional_patients(context: &Context) -> Vec<Template> {
    let template = |number| {
        let body = resources::patient(&mut context.stream(7, number));
        let condition = format!("If-None-Exist: identifier={SYSTEM}%7C{SERIAL}\r\n");
        Template::new(context.target.send("POST", "Patient", &condition, &body), 1)
    };
    (0..VARIETY).map(template).collect()
}

/// GET of ready-made requests at random.
struct Fetching {
    requests: Arc<Vec<Vec<u8>>>,
    seed: u64,
}

struct Fetch {
    requests: Arc<Vec<Vec<u8>>>,
    random: Random,
}

impl Prepared for Fetching {
    fn client(&self, number: usize) -> Box<dyn Calls> {
        let random = Random::stream(self.seed, (8 << 48) | index(number));
        Box::new(Fetch {
            requests: Arc::clone(&self.requests),
            random,
        })
    }
}

impl Calls for Fetch {
    fn next(&mut self, request: &mut Vec<u8>) -> Expect {
        let chosen = self.random.below(self.requests.len());
        request.extend_from_slice(self.requests.get(chosen).map_or(&[], Vec::as_slice));
        Expect::one(&[200])
    }
}

/// Writes in turn; one list of requests for all clients, or one for each.
struct Sending {
    templates: Vec<Arc<Vec<Template>>>,
    serials: Arc<Serials>,
    statuses: &'static [u16],
}

struct SendCalls {
    templates: Arc<Vec<Template>>,
    serials: Arc<Serials>,
    statuses: &'static [u16],
    at: usize,
}

impl Prepared for Sending {
    fn client(&self, number: usize) -> Box<dyn Calls> {
        let list = self.templates.get(number % self.templates.len().max(1));
        Box::new(SendCalls {
            templates: list.map(Arc::clone).unwrap_or_default(),
            serials: Arc::clone(&self.serials),
            statuses: self.statuses,
            at: number,
        })
    }
}

impl Calls for SendCalls {
    fn next(&mut self, request: &mut Vec<u8>) -> Expect {
        self.at = self.at.wrapping_add(1);
        let template = self.templates.get(self.at % self.templates.len().max(1));
        if let Some(template) = template {
            template.stamp(&self.serials.unique(), request);
        }
        Expect {
            statuses: self.statuses,
            resources: template.map_or(0, |template| template.resources),
        }
    }
}

/// Conditional creates, new and existing in turn.
#[derive(Clone)]
struct Conditional {
    templates: Arc<Vec<Template>>,
    serials: Arc<Serials>,
    existing: u64,
}

struct ConditionalCalls {
    shared: Conditional,
    at: usize,
    random: Random,
}

impl Prepared for Conditional {
    fn client(&self, number: usize) -> Box<dyn Calls> {
        let random = Random::stream(9, index(number));
        Box::new(ConditionalCalls {
            shared: self.clone(),
            at: number,
            random,
        })
    }
}

impl Calls for ConditionalCalls {
    fn next(&mut self, request: &mut Vec<u8>) -> Expect {
        self.at = self.at.wrapping_add(1);
        let Conditional {
            templates,
            serials,
            existing,
        } = &self.shared;
        // Whether a request is of the existing half does not hang on which text it has.
        let exists = self.random.below(2) == 0;
        let serial = if exists {
            serials.numbered('e', self.random.next() % (*existing).max(1))
        } else {
            serials.unique()
        };
        if let Some(template) = templates.get(self.at % templates.len().max(1)) {
            template.stamp(&serial, request);
        }
        Expect::one(if exists { &[200] } else { &[201] })
    }
}

/// Conditional creates of identifiers that several clients use at the same moment.
struct Racing {
    templates: Arc<Vec<Template>>,
    serials: Arc<Serials>,
    race: Arc<Race>,
}

#[derive(Debug, Default)]
struct Race {
    sent: AtomicU64,
    created: AtomicU64,
}

struct RaceCalls {
    templates: Arc<Vec<Template>>,
    serials: Arc<Serials>,
    race: Arc<Race>,
}

impl Prepared for Racing {
    fn client(&self, _number: usize) -> Box<dyn Calls> {
        Box::new(RaceCalls {
            templates: Arc::clone(&self.templates),
            serials: Arc::clone(&self.serials),
            race: Arc::clone(&self.race),
        })
    }

    fn faults(&self) -> Option<(String, u64)> {
        let identifiers = self.race.sent.load(Ordering::Relaxed).div_ceil(RACERS);
        let created = self.race.created.load(Ordering::Relaxed);
        let duplicates = created.saturating_sub(identifiers);
        (duplicates > 0).then(|| ("duplicates created".to_owned(), duplicates))
    }
}

impl Calls for RaceCalls {
    fn next(&mut self, request: &mut Vec<u8>) -> Expect {
        let number = self.race.sent.fetch_add(1, Ordering::Relaxed) / RACERS;
        let index = usize::try_from(number).unwrap_or(0);
        if let Some(template) = self.templates.get(index % self.templates.len().max(1)) {
            template.stamp(&self.serials.numbered('r', number), request);
        }
        Expect::one(&[200, 201])
    }

    fn learn(&mut self, answer: Option<&Answer<'_>>) {
        if answer.is_some_and(|answer| answer.status == 201) {
            self.race.created.fetch_add(1, Ordering::Relaxed);
        }
    }
}
