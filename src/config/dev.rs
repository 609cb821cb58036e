//! What development mode demands before it starts (DEV-01, DEV-05). There is no way round it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Config, host_of, invalid};
use crate::error::Result;

/// What a database says of itself when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// No data yet: it may become either.
    Empty,
    /// Stamped by development mode: synthetic data only.
    Synthetic,
    /// Holds data and bears no stamp.
    Production,
}

/// Whether a server with this configuration may start, as far as development mode is concerned.
///
/// Development mode is open to whoever reaches it, so nobody but this machine may reach it.
///
/// # Errors
/// `Invalid`, saying which setting keeps `--dev` from starting and why.
pub fn check_dev(config: &Config) -> Result<()> {
    if !config.dev {
        return Ok(());
    }
    let ip = config.listen.ip();
    if ip != IpAddr::V4(Ipv4Addr::LOCALHOST) && ip != IpAddr::V6(Ipv6Addr::LOCALHOST) {
        return Err(invalid(format!(
            "--dev listens on 127.0.0.1 or [::1] only, because it asks nobody for a token; listen is {}",
            config.listen
        )));
    }
    if let Some(url) = &config.base_url {
        if url.starts_with("https://") {
            return Err(invalid(
                "--dev does not start behind TLS, because it asks nobody for a token; base_url starts with https://",
            ));
        }
        if !is_local_name(host_of(url)) {
            return Err(invalid(
                "--dev does not start under a public name, because it asks nobody for a token; base_url names another host than localhost",
            ));
        }
    }
    if config.http.hosts.iter().any(|name| !is_local_name(name)) {
        return Err(invalid(
            "--dev does not start under a public name, because it asks nobody for a token; http.hosts names another host than localhost",
        ));
    }
    Ok(())
}

/// Whether a database with this stamp may be opened (DEV-05).
///
/// # Errors
/// `Invalid` when synthetic and real data would meet.
pub fn check_stamp(dev: bool, stamp: Stamp) -> Result<()> {
    match (dev, stamp) {
        (true, Stamp::Production) => Err(invalid(
            "--dev opens only databases that --dev has made, because it is open to whoever reaches it; \
             this one holds data of a server without --dev",
        )),
        (false, Stamp::Synthetic) => Err(invalid(
            "this database was made with --dev and holds synthetic data; start with --dev, or name another database",
        )),
        _ => Ok(()),
    }
}

fn is_local_name(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "[::1]" | "::1") || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;

    /// One start-up combination; an empty `expected` means that it starts.
    #[track_caller]
    fn start(dev: bool, listen: &str, file: &str, stamp: Stamp, expected: &str) {
        let flags = Flags {
            dev,
            listen: Some(listen.to_string()),
            config: Some("f.toml".into()),
            ..Flags::default()
        };
        let config = Config::load(&flags, |_| None, |_| Ok(file.to_string())).unwrap();
        let result = check_dev(&config).and_then(|()| check_stamp(config.dev, stamp));
        match result {
            Ok(()) => assert_eq!(expected, "", "started: dev {dev} {listen} {file} {stamp:?}"),
            Err(error) => {
                let text = error.to_string();
                assert!(!expected.is_empty() && text.contains(expected), "{text}");
            }
        }
    }

    #[test]
    fn dev_01_dev_05_start_up_combinations() {
        let local = "127.0.0.1:8080";
        start(true, local, "", Stamp::Empty, "");
        start(true, "[::1]:8080", "", Stamp::Empty, "");
        start(true, local, "", Stamp::Synthetic, "");
        start(
            true,
            local,
            "base_url = \"http://localhost:8080/fhir\"",
            Stamp::Empty,
            "",
        );
        start(
            true,
            local,
            "http = { hosts = [\"localhost\"] }",
            Stamp::Empty,
            "",
        );
        start(
            true,
            "0.0.0.0:8080",
            "",
            Stamp::Empty,
            "--dev listens on 127.0.0.1 or [::1] only",
        );
        start(
            true,
            "[::]:8080",
            "",
            Stamp::Empty,
            "--dev listens on 127.0.0.1 or [::1] only",
        );
        start(
            true,
            "192.0.2.1:8080",
            "",
            Stamp::Empty,
            "listen is 192.0.2.1:8080",
        );
        start(true, "127.0.0.2:8080", "", Stamp::Empty, "--dev listens on");
        start(
            true,
            "[::ffff:127.0.0.1]:8080",
            "",
            Stamp::Empty,
            "--dev listens on",
        );
        start(
            true,
            local,
            "base_url = \"http://fse.example/fhir\"",
            Stamp::Empty,
            "under a public name",
        );
        start(
            true,
            local,
            "base_url = \"https://localhost/fhir\"",
            Stamp::Empty,
            "behind TLS",
        );
        start(
            true,
            local,
            "base_url = \"http://localhost.evil.example/fhir\"",
            Stamp::Empty,
            "under a public name",
        );
        start(
            true,
            local,
            "http = { hosts = [\"fse.example\"] }",
            Stamp::Empty,
            "under a public name",
        );
        start(
            true,
            local,
            "",
            Stamp::Production,
            "holds data of a server without --dev",
        );
        start(false, "0.0.0.0:8080", "", Stamp::Empty, "");
        start(false, "0.0.0.0:8080", "", Stamp::Production, "");
        start(false, local, "", Stamp::Synthetic, "was made with --dev");
    }
}
