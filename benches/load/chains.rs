//! Workloads in which a request follows from the answer before it.

use std::sync::Arc;

use crate::client::Answer;
use crate::request::{Serials, Target};
use crate::resources::{SERIAL, with_id};
use crate::workloads::{Calls, Expect, Prepared};

/// Types and texts of resources to create.
type Bodies = Arc<Vec<(&'static str, String)>>;

/// Create, then read what was created.
#[derive(Debug, Clone)]
pub struct Mix {
    pub target: Arc<Target>,
    pub serials: Arc<Serials>,
    pub bodies: Bodies,
}

/// Create, read, update and delete one resource.
#[derive(Debug, Clone)]
pub struct Crud(Mix);

impl Crud {
    pub fn new(target: Arc<Target>, serials: Arc<Serials>, bodies: Bodies) -> Self {
        Self(Mix {
            target,
            serials,
            bodies,
        })
    }
}

impl Prepared for Mix {
    fn client(&self, number: usize) -> Box<dyn Calls> {
        Box::new(Chain::new(self.clone(), Step::Read, number))
    }
}

impl Prepared for Crud {
    fn client(&self, number: usize) -> Box<dyn Calls> {
        Box::new(Chain::new(self.0.clone(), Step::Delete, number))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Read,
    Update,
    Delete,
}

impl Step {
    fn after(self) -> Self {
        match self {
            Self::Create => Self::Read,
            Self::Read => Self::Update,
            Self::Update => Self::Delete,
            Self::Delete => Self::Create,
        }
    }
}

/// The steps from `Create` to `last`, again and again; a failure begins anew.
#[derive(Debug)]
struct Chain {
    shared: Mix,
    last: Step,
    step: Step,
    id: String,
    at: usize,
}

impl Chain {
    fn new(shared: Mix, last: Step, at: usize) -> Self {
        Self {
            shared,
            last,
            step: Step::Create,
            id: String::new(),
            at,
        }
    }
}

impl Calls for Chain {
    fn next(&mut self, request: &mut Vec<u8>) -> Expect {
        let Mix {
            target,
            serials,
            bodies,
        } = &self.shared;
        let (kind, body) = match bodies.get(self.at % bodies.len().max(1)) {
            Some((kind, body)) => (*kind, body.as_str()),
            None => ("", ""),
        };
        let path = format!("{kind}/{}", self.id);
        let (text, statuses): (String, &'static [u16]) = match self.step {
            Step::Create => {
                let body = body.replace(SERIAL, &serials.unique());
                (target.send("POST", kind, "", &body), &[201])
            }
            Step::Read => (target.get(&path), &[200]),
            Step::Update => {
                let body = with_id(body, &self.id).replace(SERIAL, &serials.unique());
                (target.send("PUT", &path, "", &body), &[200])
            }
            Step::Delete => (target.delete(&path), &[200, 204]),
        };
        request.extend_from_slice(text.as_bytes());
        Expect::one(statuses)
    }

    fn learn(&mut self, answer: Option<&Answer<'_>>) {
        let good = answer.filter(|answer| matches!(answer.status, 200..=299));
        let next = if self.step == self.last {
            Step::Create
        } else {
            self.step.after()
        };
        self.step = match (self.step, good) {
            (_, None) => Step::Create,
            (Step::Create, Some(answer)) => match answer.identity() {
                Some((id, _)) => {
                    self.id = id;
                    next
                }
                None => Step::Create,
            },
            (_, Some(_)) => next,
        };
        if self.step == Step::Create {
            self.at = self.at.wrapping_add(1);
        }
    }
}
