//! The store under test, and short ways to speak to it.

use std::sync::Arc;
use std::time::Duration;

use fascicolo::clock::FixedClock;
use fascicolo::error::Result;
use fascicolo::fhir::model::key::ResourceKey;
use fascicolo::storage::{
    Change, Clause, Commit, CommitError, Committed, Condition, Content, Database, Expect,
    HistoryEntry, HistoryPage, IndexRow, IndexRows, Matches, Method, Options, Refusal,
    Restrictions, Scope, Selection, Target, Version, Write, body, packing,
};

use crate::support::database::TestDatabase;

/// 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000_000;

/// The types and parameters that the suite uses.
pub fn names() -> Vec<(String, Vec<String>)> {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    vec![
        (
            "Patient".to_owned(),
            own(&["identifier", "gender", "name", "birthdate"]),
        ),
        ("Observation".to_owned(), own(&["patient"])),
    ]
}

pub fn target(database: &TestDatabase) -> Target {
    fascicolo::app::target(&database.config()).unwrap()
}

/// An open database and its clock, which stands still.
pub struct Store {
    pub database: Database,
    pub clock: Arc<FixedClock>,
}

pub fn open(database: &TestDatabase) -> Store {
    open_as(database, true, names()).unwrap()
}

pub fn open_as(
    database: &TestDatabase,
    dev: bool,
    names: Vec<(String, Vec<String>)>,
) -> Result<Store> {
    open_within(database, dev, names, Duration::from_secs(30))
}

/// Opens a database whose searches have this much time.
pub fn open_within(
    database: &TestDatabase,
    dev: bool,
    names: Vec<(String, Vec<String>)>,
    read_limit: Duration,
) -> Result<Store> {
    let clock = Arc::new(FixedClock::at(START));
    let options = Options {
        target: target(database),
        data_dir: database.data_dir().to_owned(),
        dev,
        names,
        readers: 2,
        waiting: 4096,
        read_limit,
        cache_bytes: 1 << 20,
        reserve_bytes: 0,
    };
    let database = Database::open(options, Arc::<FixedClock>::clone(&clock))?;
    Ok(Store { database, clock })
}

/// Everything may be known of.
pub fn everybody() -> Restrictions {
    Restrictions::open()
}

pub fn key(id: &str) -> ResourceKey {
    ResourceKey::new("Patient", id)
}

/// Values by which a patient is found.
pub type Values<'a> = &'a [(&'a str, &'a str)];

impl Store {
    /// The rows of a patient: the one under which all are found, and one for each value.
    pub fn rows(&self, sort: i64, values: Values<'_>) -> IndexRows {
        let dictionary = self.database.dictionary();
        let row = |param, value| IndexRow {
            patient: 0,
            param,
            value,
        };
        let mut rows = vec![row(dictionary.every("Patient").unwrap(), 0)];
        for (code, text) in values {
            let param = dictionary.param("Patient", code).unwrap();
            rows.push(row(param, self.database.hasher().value(text)));
        }
        IndexRows::new(sort, rows, Vec::new(), Vec::new(), Vec::new(), Vec::new())
    }

    pub fn content(&self, text: &str, sort: i64, values: Values<'_>) -> Content {
        let text = format!(r#"{{"resourceType":"Patient","name":[{{"text":"{text}"}}]}}"#);
        let tail = body::tail_of_text(text.as_bytes(), None).unwrap();
        Content {
            body: packing::pack(&tail.expect("plain names")).unwrap(),
            blob: None,
            rows: self.rows(sort, values),
            method: Method::Put,
            defines: false,
            unless_equal: false,
        }
    }

    pub fn put(&self, id: &str, expect: Expect, text: &str, values: Values<'_>) -> Write {
        Write {
            key: key(id),
            expect,
            change: Change::Put(self.content(text, 0, values)),
        }
    }

    pub fn commit(&self, writes: Vec<Write>) -> std::result::Result<Committed, CommitError> {
        self.database.commit(Commit {
            writes,
            ..Commit::default()
        })
    }

    /// Writes a patient whatever is there.
    pub fn set(&self, id: &str, text: &str, values: Values<'_>) -> i64 {
        let write = self.put(id, Expect::Anything, text, values);
        self.commit(vec![write]).unwrap().writes[0].version
    }

    pub fn delete(&self, id: &str) {
        self.commit(vec![delete(id)]).unwrap();
    }

    /// The clause "parameter has the value".
    pub fn has(&self, code: &str, text: &str) -> Clause {
        Clause::Value {
            param: self.database.dictionary().param("Patient", code).unwrap(),
            any_of: vec![self.database.hasher().value(text)],
        }
    }

    /// The clause "the id is one of these".
    pub fn named(&self, ids: &[&str]) -> Clause {
        Clause::Id {
            type_id: self.database.dictionary().type_id("Patient").unwrap(),
            any_of: ids.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    /// The patients for which a clause holds.
    pub fn patients(&self, clause: Clause) -> Selection {
        let type_id = self.database.dictionary().type_id("Patient").unwrap();
        Selection::new(type_id, clause, &everybody())
    }

    /// How many patients there are for which a clause holds.
    pub fn count(&self, clause: Clause) -> Result<i64> {
        self.database.count(self.patients(clause))
    }

    /// A condition of a create: nobody has the identifier, and the first write claims it.
    pub fn nobody_has(&self, identifier: &str) -> Condition {
        let digest = self.database.hasher().digest(identifier.as_bytes());
        Condition {
            selection: self.patients(self.has("identifier", identifier)),
            expect: Matches::None,
            claim: Some((digest, 0)),
        }
    }

    pub fn read(&self, id: &str) -> Option<Version> {
        self.database.read(&key(id)).unwrap()
    }

    /// The text of the current version; `None` when there is none or it is deleted.
    pub fn text(&self, id: &str) -> Option<String> {
        let version = self.read(id).filter(|version| !version.deleted)?;
        let json: serde_json::Value = serde_json::from_slice(&version.json().unwrap()).unwrap();
        Some(json["name"][0]["text"].as_str().unwrap().to_owned())
    }

    /// The whole history of everything, oldest first.
    pub fn everything(&self) -> Vec<HistoryEntry> {
        let mut all = Vec::new();
        let mut beyond = None;
        loop {
            let page = HistoryPage {
                beyond,
                limit: 500,
                ..HistoryPage::default()
            };
            let (entries, _) = self
                .database
                .history(Scope::System, page, &everybody())
                .unwrap();
            let Some(last) = entries.last() else {
                all.reverse();
                return all;
            };
            beyond = Some(last.version.last_updated);
            all.extend(entries);
        }
    }

    pub fn close(self) {
        self.database.close();
    }
}

pub fn delete(id: &str) -> Write {
    Write {
        key: key(id),
        expect: Expect::Anything,
        change: Change::Delete,
    }
}

/// The refusal of a commit.
#[track_caller]
pub fn refusal(result: std::result::Result<Committed, CommitError>) -> Refusal {
    match result {
        Err(CommitError::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

/// What is checked of a history entry.
pub fn facts(entry: &HistoryEntry) -> String {
    let version = &entry.version;
    format!(
        "{} {} v{} {} {} {:?} {:?}",
        entry.seq,
        version.key,
        version.version,
        version.last_updated,
        version.method.verb(),
        version.blob,
        (!version.deleted).then(|| String::from_utf8(version.json().unwrap()).unwrap()),
    )
}
