//! Every key of the configuration: its path, the form of its value, its meaning and unit.
//!
//! This list is what unknown keys are held against, what variables are read for and what
//! `docs/operating/configure.md` prints. Defaults stand in `sections.rs`.

/// What a value may look like.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    Text,
    /// A whole number within bounds, both included.
    Number(i64, i64),
    OneOf(&'static [&'static str]),
    /// A list of texts; in a variable separated by commas.
    List,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    pub path: &'static str,
    pub form: Form,
    /// Meaning and unit, for the documentation.
    pub what: &'static str,
}

impl Key {
    /// The environment variable of the key.
    pub fn variable(&self) -> String {
        let path = self.path.replace('.', "_").to_ascii_uppercase();
        format!("FASCICOLO_{path}")
    }
}

const fn key(path: &'static str, form: Form, what: &'static str) -> Key {
    Key { path, form, what }
}

const GIB: i64 = 1024 * 1024 * 1024;
const BYTES: Form = Form::Number(1024, 4 * GIB);
const COUNT: Form = Form::Number(1, 10_000_000);
const SECONDS: Form = Form::Number(1, 86_400);
const THREADS: Form = Form::Number(1, 256);

/// Every key, in the order in which the documentation shows them.
pub const KEYS: &[Key] = &[
    key(
        "listen",
        Form::Text,
        "address and port to listen on; port 0 lets the system choose",
    ),
    key(
        "database",
        Form::Text,
        "`sqlite:///path/file.db` (two slashes for a relative path) or `postgres://user@host/name`; default `fascicolo.db` in `data_dir`",
    ),
    key(
        "data_dir",
        Form::Text,
        "folder for the database, documents and packages; relative to the working directory",
    ),
    key(
        "base_url",
        Form::Text,
        "FHIR base used in links; default `http://` + `listen` + `/fhir` (HTTP-05)",
    ),
    key(
        "log.format",
        Form::OneOf(&["text", "json"]),
        "form of a log line",
    ),
    key(
        "log.level",
        Form::OneOf(&["error", "warn", "info", "debug", "trace"]),
        "the least grave line that is still written",
    ),
    key(
        "http.workers",
        Form::Number(0, 1024),
        "worker threads; 0 is one per core",
    ),
    key(
        "http.hosts",
        Form::List,
        "host names accepted beside that of `base_url` (HTTP-05)",
    ),
    key(
        "http.cors_origins",
        Form::List,
        "web origins that may call the FHIR endpoints (HTTP-06)",
    ),
    key(
        "http.drain_seconds",
        Form::Number(0, 3_600),
        "seconds between \"not ready\" and the end of accepting, at shutdown (OPS-02)",
    ),
    key(
        "http.shutdown_seconds",
        Form::Number(0, 3_600),
        "seconds that requests in flight have to finish, at shutdown (OPS-02)",
    ),
    key(
        "fhir.update_create",
        Form::OneOf(&["off", "non-clinical", "on"]),
        "whether PUT to an unknown id creates; with `--dev` on unless set (LEAK-34)",
    ),
    key(
        "fhir.require_if_match",
        Form::OneOf(&["off", "clinical", "on"]),
        "which types refuse an update without `If-Match`; with `--dev` always off (CON-02)",
    ),
    key(
        "limits.uri_bytes",
        Form::Number(256, 65_536),
        "request line, bytes (IN-01)",
    ),
    key(
        "limits.header_count",
        Form::Number(8, 96),
        "header fields of a request (IN-02)",
    ),
    key(
        "limits.header_bytes",
        Form::Number(1024, 131_072),
        "header block, bytes (IN-02)",
    ),
    key(
        "limits.resource_bytes",
        BYTES,
        "body with one resource, bytes; attachment data not counted (IN-03)",
    ),
    key(
        "limits.document_bytes",
        BYTES,
        "body with one document, bytes (IN-04)",
    ),
    key(
        "limits.bundle_bytes",
        BYTES,
        "body with a batch or transaction, bytes (IN-05)",
    ),
    key(
        "limits.bundle_entries",
        COUNT,
        "entries of a batch or transaction (IN-05)",
    ),
    key(
        "limits.inflate_ratio",
        Form::Number(1, 10_000),
        "inflated bytes per compressed byte of a body (IN-06)",
    ),
    key(
        "limits.json_depth",
        Form::Number(8, 128),
        "nesting of JSON (IN-07)",
    ),
    key(
        "limits.json_nodes",
        COUNT,
        "members and items of a resource, in a Bundle per entry (IN-08)",
    ),
    key(
        "limits.string_bytes",
        BYTES,
        "one JSON string outside attachments, bytes (IN-08)",
    ),
    key(
        "limits.head_seconds",
        SECONDS,
        "time for the request head to arrive, seconds (HTTP-01)",
    ),
    key(
        "limits.body_grace_seconds",
        SECONDS,
        "time before the least body rate is asked for, seconds (HTTP-01)",
    ),
    key(
        "limits.body_bytes_per_second",
        Form::Number(0, GIB),
        "least rate of a body, bytes per second (HTTP-01)",
    ),
    key(
        "limits.body_seconds",
        SECONDS,
        "time for a whole body, seconds (HTTP-01)",
    ),
    key(
        "limits.upload_seconds",
        SECONDS,
        "time for a whole document upload, seconds (HTTP-01)",
    ),
    key(
        "limits.connections_per_worker",
        COUNT,
        "open connections of one worker (HTTP-02)",
    ),
    key(
        "limits.keep_alive_seconds",
        SECONDS,
        "idle time of a connection, seconds (HTTP-02)",
    ),
    key(
        "limits.connections_per_address",
        Form::Number(0, 1_000_000),
        "open connections of one client address, 0 for no limit; beyond, 429; never with `--dev` (HTTP-02)",
    ),
    key(
        "limits.requests_per_address",
        Form::Number(0, 1_000_000),
        "requests of one client address at work at once, 0 for no limit; beyond, 429; never with `--dev` (LOAD-02)",
    ),
    key(
        "limits.requests_per_second",
        Form::Number(0, 1_000_000),
        "requests per second of one client address in the long run, 0 for no limit; beyond, 429; never with `--dev` (LOAD-02)",
    ),
    key(
        "limits.requests_burst",
        Form::Number(1, 1_000_000),
        "requests that a client address may send at once after a pause (LOAD-02)",
    ),
    key(
        "limits.search_milliseconds",
        Form::Number(1, 3_600_000),
        "time of one search, history or other long read in the database, milliseconds; beyond, 504 (IN-18)",
    ),
    key(
        "limits.waiting",
        COUNT,
        "requests that may wait in each queue in front of the database; beyond, 503, for one address beyond a quarter, 429 (LOAD-03)",
    ),
    key(
        "limits.waiting_seconds",
        SECONDS,
        "time that a write may wait for its turn, a Bundle at least `limits.upload_seconds`; seconds; beyond, 503 (LOAD-01)",
    ),
    key(
        "limits.waiting_milliseconds",
        Form::Number(1, 3_600_000),
        "time that a search, history or other read may wait for its turn, milliseconds; beyond, 503 (LOAD-04)",
    ),
    key(
        "limits.in_flight_bytes",
        BYTES,
        "bytes of bodies held at once; beyond, requests wait for admission (OPS-09)",
    ),
    key(
        "storage.readers",
        THREADS,
        "threads and connections for reads by id, and as many for searches",
    ),
    key(
        "storage.cache_bytes",
        Form::Number(0, 4 * GIB),
        "bytes of resources kept ready to be sent, 0 for none; embedded database only",
    ),
    key(
        "storage.reserve_bytes",
        Form::Number(0, i64::MAX),
        "free bytes on the disk of `data_dir` below which `/health/ready` says 503 (OPS-01)",
    ),
    key(
        "postgres.tls",
        Form::OneOf(&["off", "require"]),
        "`require` encrypts and verifies the server's chain and name",
    ),
    key(
        "postgres.ca_file",
        Form::Text,
        "PEM file with the certificates to trust for PostgreSQL",
    ),
];

/// The key with this path.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The known key most like an unknown one, if any is near enough to be meant.
///
/// A key under the wrong section counts as near when its last name is right.
pub fn nearest(unknown: &str) -> Option<&'static str> {
    // Longer names are no misspelling, and the distance is quadratic.
    if unknown.len() > 64 {
        return None;
    }
    let last = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let unknown_last = unknown.rsplit('.').next().unwrap_or(unknown);
    if let Some(key) = KEYS.iter().find(|key| last(key.path) == unknown_last) {
        return Some(key.path);
    }
    KEYS.iter()
        .map(|key| (distance(unknown, key.path), key.path))
        .min()
        .filter(|(distance, path)| *distance <= 2.max(path.len() / 3))
        .map(|(_, path)| path)
}

/// Levenshtein's distance in bytes.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.bytes().enumerate() {
        let mut diagonal = line;
        let mut left = line.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(to.bytes()) {
            let replaced = diagonal.saturating_add(usize::from(a != b));
            diagonal = *cell;
            *cell = replaced.min(left.min(diagonal).saturating_add(1));
            left = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}
