//! The configuration: flags over environment over file over defaults.
//!
//! A key is known by its path (`limits.resource_bytes`); [`keys`] lists every one with its form and
//! meaning, and `docs/operating/configure.md` prints that list. The same key is the variable
//! `FASCICOLO_LIMITS_RESOURCE_BYTES`; the few that an operator changes by hand have a flag as well.
//! Unknown keys are refused, because a misspelt limit is no limit.
//!
//! Values only: nothing here opens, binds or connects, and how a section is used is not known here.
//! Development mode has neither key nor variable, only the flag `--dev`, so that it cannot survive
//! in a file (DEV-06).

pub mod database;
mod dev;
mod keys;
mod layers;
pub mod sections;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use database::Database;
pub use dev::{Stamp, check_dev, check_stamp};
pub use sections::{
    Fhir, Http, Limits, Log, LogFormat, Postgres, RequireIfMatch, Storage, Tls, UpdateCreate,
};

use crate::error::{Error, Kind, Result};
use layers::Layers;

/// Where the server listens when nobody says otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
/// The folder of everything the server keeps on disk.
const DEFAULT_DATA_DIR: &str = "./data";
/// The path under which the FHIR interactions live.
pub const FHIR_PATH: &str = "/fhir";

/// What the command line may say about the configuration; all texts are read like a key of the file.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Configuration file (TOML); also FASCICOLO_CONFIG
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on; also FASCICOLO_LISTEN
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// sqlite:///path/file.db or postgres://...; also FASCICOLO_DATABASE
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Folder for the database, documents and packages; also FASCICOLO_DATA_DIR
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// FHIR base used in links; also FASCICOLO_BASE_URL
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// text or json; also FASCICOLO_LOG_FORMAT
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// error, warn, info, debug or trace; also FASCICOLO_LOG_LEVEL
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Development mode: loopback only, open, synthetic data only
    #[arg(long)]
    pub dev: bool,
}

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Address and port to listen on. Port 0 lets the system choose.
    pub listen: SocketAddr,
    pub database: Database,
    /// Folder for everything the server keeps on disk.
    pub data_dir: PathBuf,
    /// FHIR base of links, without a final slash, if configured; see [`Config::base_url_at`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Development mode (DEV-01 to DEV-07).
    pub dev: bool,
    pub log: Log,
    pub http: Http,
    pub fhir: Fhir,
    pub limits: Limits,
    pub storage: Storage,
    pub postgres: Postgres,
}

impl Config {
    /// Reads the configuration: flags over environment over file over defaults.
    ///
    /// `env` tells the value of a variable, `read` the text of a file; an empty variable counts as
    /// absent.
    ///
    /// # Errors
    /// `Invalid`, one issue per fault: a file that cannot be read, an unknown key (with the nearest
    /// known one), a value of the wrong form or out of bounds, values that contradict each other.
    pub fn load(
        flags: &Flags,
        env: impl Fn(&str) -> Option<String>,
        read: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Config> {
        let mut layers = Layers::default();
        let named = env("FASCICOLO_CONFIG").filter(|name| !name.is_empty());
        if let Some(path) = flags.config.clone().or(named.map(PathBuf::from)) {
            let text = read(&path).map_err(|error| {
                let path = path.display();
                invalid(format!(
                    "the configuration file {path} cannot be read: {error}"
                ))
            })?;
            layers.add_file(&text, &path.display().to_string());
        }
        layers.add_environment(&env);
        for (path, flag, value) in [
            ("listen", "--listen", &flags.listen),
            ("database", "--database", &flags.database),
            ("data_dir", "--data-dir", &flags.data_dir),
            ("base_url", "--base-url", &flags.base_url),
            ("log.format", "--log-format", &flags.log_format),
            ("log.level", "--log-level", &flags.log_level),
        ] {
            if let Some(value) = value {
                layers.add_text(path, value, flag);
            }
        }
        layers.finish()?;
        let config = Self::build(&layers, flags.dev)?;
        config.check()?;
        Ok(config)
    }

    fn build(layers: &Layers, dev: bool) -> Result<Config> {
        let listen = layers.text("listen").unwrap_or(DEFAULT_LISTEN);
        let listen = listen.parse().map_err(|_| {
            invalid(format!(
                "listen: expected ADDRESS:PORT such as {DEFAULT_LISTEN} or [::1]:8080, found {listen}"
            ))
        })?;
        let data_dir = PathBuf::from(layers.text("data_dir").unwrap_or(DEFAULT_DATA_DIR));
        let database = match layers.text("database") {
            Some(url) => Database::parse(url)?,
            None => Database::Sqlite(data_dir.join("fascicolo.db")),
        };
        let base_url = layers.text("base_url").map(base_url).transpose()?;
        let mut fhir: Fhir = layers.section("fhir")?;
        if dev {
            // CON-02: never with --dev. An explicit update_create stays as it was asked for.
            fhir.require_if_match = RequireIfMatch::Off;
            if !layers.names("fhir.update_create") {
                fhir.update_create = UpdateCreate::On;
            }
        }
        Ok(Config {
            listen,
            database,
            data_dir,
            base_url,
            dev,
            log: layers.section("log")?,
            http: layers.section("http")?,
            fhir,
            limits: layers.section("limits")?,
            storage: layers.section("storage")?,
            postgres: layers.section("postgres")?,
        })
    }

    /// Values that are fine alone and wrong together.
    fn check(&self) -> Result<()> {
        let limits = &self.limits;
        if limits.resource_bytes > limits.bundle_bytes {
            return Err(invalid(format!(
                "limits.resource_bytes ({}) is over limits.bundle_bytes ({}): a Bundle could not hold one resource",
                limits.resource_bytes, limits.bundle_bytes
            )));
        }
        if limits.in_flight_bytes < limits.bundle_bytes {
            return Err(invalid(format!(
                "limits.in_flight_bytes ({}) is under limits.bundle_bytes ({}): the largest Bundle would never be admitted",
                limits.in_flight_bytes, limits.bundle_bytes
            )));
        }
        match (self.postgres.tls, &self.postgres.ca_file) {
            (Tls::Require, None) => Err(invalid(
                "postgres.tls = \"require\" needs postgres.ca_file, a PEM file with the certificates to trust",
            )),
            (Tls::Off, Some(_)) => Err(invalid(
                "postgres.ca_file is set but postgres.tls is \"off\": set it to \"require\"",
            )),
            _ => Ok(()),
        }
    }

    /// The FHIR base of links in answers, without a final slash (HTTP-05: from configuration only).
    ///
    /// `bound` is the address in use, which differs from `listen` when its port is 0. Where every
    /// interface is bound and no base is configured, the base is that of this machine alone.
    pub fn base_url_at(&self, bound: SocketAddr) -> String {
        match &self.base_url {
            Some(url) => url.clone(),
            None if bound.ip().is_unspecified() => {
                format!("http://127.0.0.1:{}{FHIR_PATH}", bound.port())
            }
            None => format!("http://{bound}{FHIR_PATH}"),
        }
    }

    /// The host names, without port and in lower case, under which requests are accepted (HTTP-05,
    /// DEV-04). IPv6 addresses stand in brackets, as in the header `Host`.
    pub fn host_names(&self, bound: SocketAddr) -> Vec<String> {
        let mut names = vec![host_of(&self.base_url_at(bound)).to_ascii_lowercase()];
        let local = bound.ip().is_loopback() || bound.ip().is_unspecified();
        if local {
            names.extend(["localhost", "127.0.0.1", "[::1]"].map(String::from));
        } else {
            names.push(host_of(&format!("http://{bound}")).to_string());
        }
        names.extend(self.http.hosts.iter().map(|name| name.to_ascii_lowercase()));
        names.sort();
        names.dedup();
        names
    }

    /// What is allowed but deserves a line in the log at start.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.base_url.is_none() && self.listen.ip().is_unspecified() {
            warnings.push(
                "base_url is not set while listening on every interface: links in answers point to 127.0.0.1"
                    .to_string(),
            );
        }
        if self.postgres.tls == Tls::Off && self.database.is_remote() {
            warnings.push(
                "postgres.tls is \"off\" and the database is on another machine: data crosses the network in clear"
                    .to_string(),
            );
        }
        warnings
    }

    /// The effective configuration as TOML, secrets masked.
    ///
    /// # Errors
    /// `Internal` if a value has no TOML form, such as a path that is not Unicode.
    pub fn to_display(&self) -> Result<String> {
        let mut shown = self.clone();
        shown.base_url = Some(self.base_url_at(self.listen));
        toml::to_string(&shown)
            .map_err(|error| Error::internal("the configuration has no TOML form").because(error))
    }
}

impl Default for Config {
    /// What holds when no flag, variable or file says anything.
    fn default() -> Self {
        let data_dir = PathBuf::from(DEFAULT_DATA_DIR);
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database: Database::Sqlite(data_dir.join("fascicolo.db")),
            data_dir,
            base_url: None,
            dev: false,
            log: Log::default(),
            http: Http::default(),
            fhir: Fhir::default(),
            limits: Limits::default(),
            storage: Storage::default(),
            postgres: Postgres::default(),
        }
    }
}

/// Checks a base URL and drops its final slash.
fn base_url(text: &str) -> Result<String> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let fine = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with(['/', ':'])
            && !rest.contains(['@', '?', '#', '\\', '"', '<', '>'])
            && rest.chars().all(|c| c.is_ascii_graphic())
    });
    if fine {
        Ok(text.trim_end_matches('/').to_string())
    } else {
        Err(invalid(format!(
            "base_url: expected http(s)://host[:port]/path without user, query or fragment, found {}",
            database::mask(text)
        )))
    }
}

/// The host of a URL that [`base_url`] accepted, without its port.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn invalid(text: impl Into<String>) -> Error {
    Error::of(Kind::Invalid, text)
}

#[cfg(test)]
mod tests;
