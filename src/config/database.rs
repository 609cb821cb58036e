//! Which database, by the scheme of its URL; passwords never show.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::invalid;
use crate::error::Result;

/// Where the data lies.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file of the embedded database.
    Sqlite(PathBuf),
    /// A URL that libpq understands.
    Postgres(PostgresUrl),
}

/// The URL of a PostgreSQL database. Shows itself without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl Database {
    /// Reads `sqlite:///absolute/file.db`, `sqlite://relative/file.db` or `postgres://…`.
    ///
    /// # Errors
    /// `Invalid` for another scheme, an empty path, or parameters that are not for the URL.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            return sqlite(path);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return postgres(text);
        }
        Err(invalid(format!(
            "database: expected sqlite:///path/file.db or postgres://user@host/name, found {}",
            match text.split_once("://") {
                Some((scheme, _)) =>
                    format!("the scheme {}", scheme.chars().take(20).collect::<String>()),
                None => "a text without a scheme".to_string(),
            }
        )))
    }

    /// Whether the database is reached over a network; false for files and Unix sockets.
    pub fn is_remote(&self) -> bool {
        let Database::Postgres(url) = self else {
            return false;
        };
        match url.host() {
            "" | "localhost" | "[::1]" => false,
            host => {
                let socket =
                    host.starts_with('/') || host.starts_with("%2F") || host.starts_with("%2f");
                !socket && !host.starts_with("127.")
            }
        }
    }
}

impl PostgresUrl {
    /// The URL as it must be given to libpq, password included.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The host, without its port, from the parameter `host` or the authority; empty for the
    /// default socket.
    fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parameters = query.split('&');
        if let Some(host) = parameters.find_map(|pair| pair.strip_prefix("host=")) {
            return host;
        }
        let authority = before.split('/').next().unwrap_or("");
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        }
    }
}

fn sqlite(path: &str) -> Result<Database> {
    if path.is_empty()
        || path.ends_with('/')
        || path.contains(['?', '#', '\0'])
        || path.contains(":memory:")
    {
        return Err(invalid(
            "database: expected the path of a file after sqlite://, as in sqlite:///var/lib/fascicolo/fascicolo.db, \
             without parameters (a database in memory could not be shared between threads)",
        ));
    }
    Ok(Database::Sqlite(PathBuf::from(path)))
}

fn postgres(text: &str) -> Result<Database> {
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(invalid(
            "database: a postgres:// URL has no white space and nothing outside ASCII; write other characters as %XX",
        ));
    }
    let parameters = text.split_once('?').map_or("", |(_, query)| query);
    for parameter in parameters.split('&') {
        let name = parameter.split('=').next().unwrap_or(parameter);
        if name.starts_with("ssl") && parameter != "sslmode=disable" {
            return Err(invalid(format!(
                "database: the parameter {name} is not for the URL; TLS is set by postgres.tls and postgres.ca_file"
            )));
        }
    }
    Ok(Database::Postgres(PostgresUrl(text.to_string())))
}

/// The URL with its password, and everything that might be one, as `***`.
pub fn mask(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    // The last `@`: a password with an unescaped one must not show its tail.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    let mut masked = scheme;
    if let Some(user) = user {
        match user.split_once(':') {
            Some((name, _)) => masked.push_str(&format!("{name}:***@")),
            None => masked.push_str(&format!("{user}@")),
        }
    }
    match rest.split_once('?') {
        None => masked.push_str(rest),
        Some((before, query)) => {
            masked.push_str(before);
            let shown: Vec<String> = query
                .split('&')
                .map(|pair| match pair.split_once('=') {
                    Some((name, _)) if name.to_ascii_lowercase().contains("pass") => {
                        format!("{name}=***")
                    }
                    _ => pair.to_string(),
                })
                .collect();
            masked.push('?');
            masked.push_str(&shown.join("&"));
        }
    }
    masked
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Database::Postgres(url) => url.fmt(f),
        }
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(&self.0))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Database {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL is read and shown as `expected`.
    #[track_caller]
    fn shown(url: &str, expected: &str) {
        match Database::parse(url) {
            Ok(database) => assert_eq!(format!("{database:?}"), expected),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.contains(expected),
                    "{url}\nexpected: {expected}\nfound: {text}"
                );
                assert!(!text.contains("geheim"), "{text}");
            }
        }
    }

    #[test]
    fn database_urls_are_read_and_passwords_masked() {
        shown("sqlite:///var/lib/f.db", "sqlite:///var/lib/f.db");
        shown("sqlite://data/f.db", "sqlite://data/f.db");
        shown("sqlite://", "expected the path of a file");
        shown("sqlite:///var/lib/", "expected the path of a file");
        shown("sqlite://:memory:", "expected the path of a file");
        shown("sqlite:///f.db?mode=ro", "expected the path of a file");
        shown("postgres://h/d", "postgres://h/d");
        shown("postgres://u@h/d", "postgres://u@h/d");
        shown("postgres://u:geheim@h:5432/d", "postgres://u:***@h:5432/d");
        shown("postgresql://u:geh@eim@h/d", "postgresql://u:***@h/d");
        shown("postgres://u:ge/h?e@im@h/d", "postgres://u:***@h/d");
        shown(
            "postgres:///d?host=/run/pg&password=geheim",
            "postgres:///d?host=/run/pg&password=***",
        );
        shown(
            "postgres://u:geheim@h/d?sslmode=require",
            "TLS is set by postgres.tls",
        );
        shown(
            "postgres://u@h/d?sslmode=disable",
            "postgres://u@h/d?sslmode=disable",
        );
        shown("postgres://u:ge heim@h/d", "no white space");
        shown("mysql://u:geheim@h/d", "found the scheme mysql");
        shown("/var/lib/f.db", "found a text without a scheme");
    }
}
