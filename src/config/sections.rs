//! The sections of the configuration: one struct each, with its defaults.
//!
//! The numbers of [`Limits`] are those of the requirements IN-01 to IN-11, HTTP-01, HTTP-02 and
//! OPS-02, OPS-09. Meaning, unit and bounds of each key stand in `keys.rs`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `log`: what is written to standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// `http`: the edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Worker threads; 0 is one per core.
    pub workers: usize,
    /// Host names accepted beside that of the base URL.
    pub hosts: Vec<String>,
    /// Web origins allowed to call the FHIR endpoints.
    pub cors_origins: Vec<String>,
    /// Seconds between "not ready" and the end of accepting, at shutdown.
    pub drain_seconds: u64,
    /// Seconds that requests in flight have to finish, at shutdown.
    pub shutdown_seconds: u64,
}

/// `fhir`: choices that the standard leaves to the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fhir {
    pub update_create: UpdateCreate,
    pub require_if_match: RequireIfMatch,
}

/// Whether a PUT to an unknown id creates the resource (LEAK-34).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateCreate {
    Off,
    /// Only for types that say nothing of a patient's health.
    NonClinical,
    On,
}

/// Whether an update without `If-Match` is refused with 428 (CON-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequireIfMatch {
    Off,
    /// Only for clinical types.
    Clinical,
    On,
}

/// `limits`: how much of anything is accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// IN-01.
    pub uri_bytes: usize,
    /// IN-02.
    pub header_count: usize,
    /// IN-02.
    pub header_bytes: usize,
    /// IN-03; attachment data does not count.
    pub resource_bytes: usize,
    /// IN-04.
    pub document_bytes: u64,
    /// IN-05.
    pub bundle_bytes: usize,
    /// IN-05.
    pub bundle_entries: usize,
    /// IN-06.
    pub inflate_ratio: usize,
    /// IN-07.
    pub json_depth: usize,
    /// IN-08; in a Bundle per entry.
    pub json_nodes: usize,
    /// IN-08.
    pub string_bytes: usize,
    /// HTTP-01.
    pub head_seconds: u64,
    /// HTTP-01.
    pub body_grace_seconds: u64,
    /// HTTP-01.
    pub body_bytes_per_second: u64,
    /// HTTP-01.
    pub body_seconds: u64,
    /// HTTP-01.
    pub upload_seconds: u64,
    /// HTTP-02.
    pub connections_per_worker: usize,
    /// HTTP-02.
    pub keep_alive_seconds: u64,
    /// HTTP-02; 0 for no limit.
    pub connections_per_address: usize,
    /// LOAD-02; 0 for no limit.
    pub requests_per_address: usize,
    /// LOAD-02; 0 for no limit.
    pub requests_per_second: u32,
    /// LOAD-02.
    pub requests_burst: u32,
    /// IN-18.
    pub search_milliseconds: u64,
    /// Of each queue in front of the database.
    pub waiting: usize,
    /// LOAD-01.
    pub waiting_seconds: u64,
    /// LOAD-04.
    pub waiting_milliseconds: u64,
    /// OPS-09.
    pub in_flight_bytes: usize,
}

/// `storage`: threads of the database room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Of each kind: reads by id, and searches with history.
    pub readers: usize,
    /// Of resources kept ready to be sent; an embedded database only.
    pub cache_bytes: usize,
    /// OPS-01, DUR-06.
    pub reserve_bytes: u64,
}

/// `postgres`: how the connection to PostgreSQL is protected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Postgres {
    pub tls: Tls,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// Whether connections to PostgreSQL are encrypted and the server's name and chain verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    Off,
    Require,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_string(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            workers: 0,
            hosts: Vec::new(),
            cors_origins: Vec::new(),
            drain_seconds: 5,
            shutdown_seconds: 30,
        }
    }
}

impl Default for Fhir {
    fn default() -> Self {
        Self {
            update_create: UpdateCreate::NonClinical,
            require_if_match: RequireIfMatch::Clinical,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            uri_bytes: 8 * KIB,
            header_count: 64,
            header_bytes: 32 * KIB,
            resource_bytes: 4 * MIB,
            document_bytes: 50 * 1024 * 1024,
            bundle_bytes: 100 * MIB,
            bundle_entries: 30_000,
            inflate_ratio: 100,
            json_depth: 64,
            json_nodes: 200_000,
            string_bytes: MIB,
            head_seconds: 5,
            body_grace_seconds: 5,
            body_bytes_per_second: 8 * 1024,
            body_seconds: 60,
            upload_seconds: 300,
            connections_per_worker: 2_000,
            keep_alive_seconds: 5,
            connections_per_address: 64,
            requests_per_address: 32,
            requests_per_second: 500,
            requests_burst: 2_000,
            search_milliseconds: 2_000,
            waiting: 1_024,
            waiting_seconds: 10,
            waiting_milliseconds: 250,
            in_flight_bytes: 128 * MIB,
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            readers: 2,
            cache_bytes: 32 * MIB,
            reserve_bytes: 64 * 1024 * 1024,
        }
    }
}

impl Default for Postgres {
    fn default() -> Self {
        Self {
            tls: Tls::Off,
            ca_file: None,
        }
    }
}
