//! A database for one test: a SQLite file in a folder of its own, or a fresh PostgreSQL database.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fascicolo::config::{Config, Database};

/// A database that goes when the last clone is dropped.
#[derive(Clone)]
pub struct TestDatabase {
    inner: Arc<Inner>,
    /// Each process has a data directory of its own.
    folder: Arc<tempfile::TempDir>,
}

struct Inner {
    /// `None`: SQLite in the folder.
    postgres: Option<(String, String)>,
    sqlite: std::path::PathBuf,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl TestDatabase {
    pub fn fresh() -> Self {
        match std::env::var("FASCICOLO_TEST_POSTGRES") {
            Ok(server) if !server.is_empty() => Self::postgres(&server),
            _ => Self::sqlite(),
        }
    }

    pub fn sqlite() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self {
            inner: Arc::new(Inner {
                postgres: None,
                sqlite: folder.path().join("fascicolo.db"),
            }),
            folder,
        }
    }

    /// A fresh database of the same kind.
    pub fn fresh_like(other: &Self) -> Self {
        match &other.inner.postgres {
            Some((server, _)) => Self::postgres(server),
            None => Self::sqlite(),
        }
    }

    /// A fresh database on a server, given as `postgres://user@host:port/database`.
    pub fn postgres(server: &str) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("fascicolo_test_{}_{number}", std::process::id());
        psql(server, &format!("CREATE DATABASE {name}"));
        let (front, _) = server.rsplit_once('/').expect("a database in the URL");
        Self {
            inner: Arc::new(Inner {
                postgres: Some((server.to_owned(), format!("{front}/{name}"))),
                sqlite: Default::default(),
            }),
            folder: Arc::new(tempfile::tempdir().unwrap()),
        }
    }

    /// A stand-in for a database that was moved out.
    pub fn gone() -> Self {
        Self {
            inner: Arc::new(Inner {
                postgres: None,
                sqlite: Default::default(),
            }),
            folder: Arc::new(tempfile::tempdir().unwrap()),
        }
    }

    /// The same database for another process, with a data directory of its own.
    pub fn other_process(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            folder: Arc::new(tempfile::tempdir().unwrap()),
        }
    }

    pub fn is_postgres(&self) -> bool {
        self.inner.postgres.is_some()
    }

    pub fn url(&self) -> String {
        match &self.inner.postgres {
            Some((_, url)) => url.clone(),
            None => format!("sqlite://{}", self.inner.sqlite.display()),
        }
    }

    pub fn data_dir(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn config(&self) -> Config {
        Config {
            database: Database::parse(&self.url()).unwrap(),
            data_dir: self.folder.path().to_owned(),
            ..Config::default()
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some((server, url)) = &self.postgres {
            let name = url.rsplit('/').next().unwrap();
            psql(
                server,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            );
        }
    }
}

fn psql(server: &str, statement: &str) {
    let status = Command::new("psql")
        .args([
            "--quiet",
            "--no-psqlrc",
            "--dbname",
            server,
            "--command",
            statement,
        ])
        .status()
        .expect("psql is installed where FASCICOLO_TEST_POSTGRES is set");
    assert!(status.success(), "{statement}");
}
