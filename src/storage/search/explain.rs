//! How a search was planned, told step by step: for those who develop and operate the server.
//!
//! Nothing here runs unless it is asked for. What is told has no values of the search nor of the data:
//! parameters by their names, statements with placeholders, plans that the database made without knowing
//! what stands in them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use diesel::connection::{Connection, InstrumentationEvent};

use super::super::connection::AnyConnection;
use super::super::database::{Database, began};
use super::super::dialect;
use super::super::dictionary::Dictionary;
use super::clause::Clause;
use super::order::Page;
use super::planned;
use super::selection::Selection;
use crate::error::Result;

/// What is told of a search of one type.
#[derive(Debug, Default)]
pub struct Explanation {
    /// Matches on the page.
    pub found: usize,
    pub microseconds: u64,
    /// The plan in words, in the order in which it was made.
    pub plan: Vec<String>,
    pub statements: Vec<Statement>,
}

/// A statement that was run, once or several times.
#[derive(Debug)]
pub struct Statement {
    /// With placeholders.
    pub text: String,
    pub times: u64,
    pub microseconds: u64,
    /// How the database goes about it; empty where it does not say.
    pub plan: Vec<String>,
}

/// Different statements that are told at the most.
const MOST: usize = 40;

/// What Diesel puts between a statement and its values.
const VALUES: &str = " -- binds: ";

impl Database {
    /// How a page of a search is planned and run, without what it finds.
    pub fn explain(&self, selection: Selection, page: Page) -> Result<Explanation> {
        self.reading(move |connection, dictionary| {
            began(connection, page.until, page.edition)?;
            explain(connection, dictionary, &selection, &page)
        })
    }
}

/// Runs a search and tells how.
fn explain(
    connection: &mut AnyConnection,
    dictionary: &Dictionary,
    selection: &Selection,
    page: &Page,
) -> Result<Explanation> {
    let run = Arc::new(Mutex::new(Vec::<Statement>::new()));
    let (seen, mut begun) = (Arc::clone(&run), Instant::now());
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| match event {
        InstrumentationEvent::StartQuery { .. } => begun = Instant::now(),
        InstrumentationEvent::FinishQuery { query, .. } => {
            let whole = query.to_string();
            // Without the mark it is not known where the values are: nothing is told.
            if let Some((text, _)) = whole.split_once(VALUES) {
                let mut run = seen.lock().unwrap_or_else(PoisonError::into_inner);
                enter(&mut run, text, micros(begun));
            }
        }
        _ => {}
    });
    let mut notes = Notes::taken(dictionary);
    let begun = Instant::now();
    let found = planned(connection, dictionary, selection, page, &mut notes);
    let microseconds = micros(begun);
    connection.set_instrumentation(None::<fn(InstrumentationEvent<'_>)>);
    let found = found?.len();
    let mut statements = {
        let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *run)
    };
    for statement in &mut statements {
        statement.plan = dialect::plan_of(connection, &statement.text)?;
    }
    Ok(Explanation {
        found,
        microseconds,
        plan: notes.lines(),
        statements,
    })
}

fn enter(run: &mut Vec<Statement>, text: &str, microseconds: u64) {
    if let Some(same) = run.iter_mut().find(|statement| statement.text == text) {
        same.times = same.times.saturating_add(1);
        same.microseconds = same.microseconds.saturating_add(microseconds);
    } else if run.len() < MOST {
        run.push(Statement {
            text: text.to_owned(),
            times: 1,
            microseconds,
            plan: Vec::new(),
        });
    }
}

fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// What is written down while a search is planned; nothing, unless it is to be told.
#[derive(Default)]
pub struct Notes(Option<Taken>);

struct Taken {
    lines: Vec<String>,
    /// The names of parameters.
    names: HashMap<i64, String>,
}

impl Notes {
    /// For a search that is to be told.
    fn taken(dictionary: &Dictionary) -> Self {
        Self(Some(Taken {
            lines: Vec::new(),
            names: dictionary.names_of_params(),
        }))
    }

    /// Writes down what `line` says by the names of parameters, if anybody wants to know.
    pub fn note(&mut self, line: impl FnOnce(&Names<'_>) -> String) {
        if let Some(taken) = &mut self.0 {
            let line = line(&Names(&taken.names));
            taken.lines.push(line);
        }
    }

    fn lines(self) -> Vec<String> {
        self.0.map_or_else(Vec::new, |taken| taken.lines)
    }
}

/// The names of parameters by their numbers.
pub struct Names<'a>(&'a HashMap<i64, String>);

impl Names<'_> {
    /// A parameter; of a type as a whole its name.
    pub fn param(&self, param: i64) -> &str {
        let name = self.0.get(&param).map_or("?", String::as_str);
        name.strip_suffix('.').unwrap_or(name)
    }

    /// A clause in words, without its values.
    pub fn words(&self, clause: &Clause) -> String {
        let list = |clauses: &[Clause], word: &str, none: &str| match clauses {
            [] => none.to_owned(),
            [only] => self.words(only),
            several => {
                let each: Vec<String> = several.iter().map(|one| self.words(one)).collect();
                format!("({})", each.join(word))
            }
        };
        let of = |param: &i64| self.param(*param);
        match clause {
            Clause::All(clauses) => list(clauses, " and ", "anything"),
            Clause::Any(clauses) => list(clauses, " or ", "nothing"),
            Clause::Not(clause) => format!("not {}", self.words(clause)),
            Clause::Value { param, any_of } => {
                format!("{} is one of {} values", of(param), any_of.len())
            }
            Clause::Text { param, .. } => format!("a text of {}", of(param)),
            Clause::Range(range) => format!("an interval of {}", of(&range.param)),
            Clause::Near { param, .. } => format!("{} is near a place", of(param)),
            Clause::Present { param } => format!("{} is there", of(param)),
            Clause::Id { any_of, .. } => format!("the id is one of {}", any_of.len()),
            Clause::LastUpdated { .. } => "a time of the last change".to_owned(),
            Clause::Refers { param, links } => {
                format!("{} refers to one of {} resources", of(param), links.len())
            }
            Clause::Chain { param, targets } => {
                let each: Vec<String> =
                    targets.iter().map(|one| self.words(one.clause())).collect();
                format!("{} refers to what has {}", of(param), each.join(" or "))
            }
            Clause::Has { param, sources, .. } => {
                let sources = self.words(sources.clause());
                format!("{} of what has {sources} refers to it", of(param))
            }
        }
    }
}
