//! Requests as bytes, made once and stamped with a serial number each time they are sent.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::resources::SERIAL;

/// Where requests go and what all of them carry.
#[derive(Debug)]
pub struct Target {
    /// `host:port`.
    pub address: String,
    host: String,
    base_path: String,
    headers: String,
}

impl Target {
    /// Reads a FHIR base such as `http://127.0.0.1:8080/fhir`, and `Name: value` headers.
    pub fn parse(base: &str, headers: &[String]) -> Result<Self, String> {
        let rest = base
            .strip_prefix("http://")
            .ok_or_else(|| format!("expected a base that begins with http://, found {base}"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| {
            !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        let mut lines = String::new();
        for header in headers {
            let (name, value) = header
                .split_once(':')
                .ok_or("expected --header 'Name: value'")?;
            if header.contains(['\r', '\n']) {
                return Err("a header must be one line".into());
            }
            lines.push_str(&format!("{}: {}\r\n", name.trim(), value.trim()));
        }
        // An answer to a write without the resource is the cheapest a client can ask for, and a
        // search of which the server leaves out what it does not know is not the one measured.
        if !lines.to_ascii_lowercase().contains("prefer:") {
            lines.push_str("Prefer: return=minimal, handling=strict\r\n");
        }
        let path = path.trim_matches('/');
        Ok(Self {
            address: if has_port {
                authority.to_owned()
            } else {
                format!("{authority}:80")
            },
            host: authority.to_owned(),
            base_path: if path.is_empty() {
                String::new()
            } else {
                format!("/{path}")
            },
            headers: lines,
        })
    }

    /// GET of `path` under the base.
    pub fn get(&self, path: &str) -> String {
        self.get_on_host(&format!("{}/{path}", self.base_path))
    }

    /// GET of `path`, which begins with a slash and is not under the base.
    pub fn get_on_host(&self, path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\n{}\r\n", self.common())
    }

    pub fn delete(&self, path: &str) -> String {
        format!(
            "DELETE {}/{path} HTTP/1.1\r\n{}\r\n",
            self.base_path,
            self.common()
        )
    }

    /// A request with a body; `path` is empty for the base itself, `more` are whole header lines.
    pub fn send(&self, method: &str, path: &str, more: &str, body: &str) -> String {
        let slash = if path.is_empty() && !self.base_path.is_empty() {
            ""
        } else {
            "/"
        };
        format!(
            "{method} {}{slash}{path} HTTP/1.1\r\n{}Content-Type: application/fhir+json\r\nContent-Length: {}\r\n{more}\r\n{body}",
            self.base_path,
            self.common(),
            body.len(),
        )
    }

    fn common(&self) -> String {
        format!(
            "Host: {}\r\nAccept: application/fhir+json\r\n{}",
            self.host, self.headers
        )
    }
}

/// A request whose serial numbers are filled in as it is sent.
#[derive(Debug)]
pub struct Template {
    bytes: Vec<u8>,
    marks: Vec<usize>,
    /// How many resources it creates or changes.
    pub resources: u64,
}

impl Template {
    pub fn new(request: String, resources: u64) -> Self {
        let marks = request.match_indices(SERIAL).map(|(at, _)| at).collect();
        Self {
            bytes: request.into_bytes(),
            marks,
            resources,
        }
    }

    /// Appends the request to `out` with `serial`, which is as long as the mark.
    pub fn stamp(&self, serial: &str, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for mark in &self.marks {
            let from = start.saturating_add(*mark);
            let place = out.get_mut(from..from.saturating_add(SERIAL.len()));
            if let Some(place) = place.filter(|place| place.len() == serial.len()) {
                place.copy_from_slice(serial.as_bytes());
            }
        }
    }
}

/// Serial numbers of one run of the generator.
#[derive(Debug)]
pub struct Serials {
    run: u32,
    next: AtomicU64,
}

impl Serials {
    pub fn new(run: u32) -> Self {
        Self {
            run,
            next: AtomicU64::new(0),
        }
    }

    /// One that was not given before.
    pub fn unique(&self) -> String {
        self.numbered('u', self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The same one for the same letter and number.
    pub fn numbered(&self, space: char, number: u64) -> String {
        format!("{:08x}{space}{:011x}", self.run, number & 0xfff_ffff_ffff)
    }
}
