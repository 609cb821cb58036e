//! TLS to PostgreSQL without a TLS library in libpq.
//!
//! libpq is built from source without OpenSSL, so that `cargo build` needs only a C compiler. The
//! encryption is done here: libpq talks to a Unix socket of ours in a folder only we can enter,
//! and each of its connections is carried to the server inside TLS by rustls, with the name and
//! the chain of the server verified against the configured CA file (`docs/decisions/0003`).
//! Source: PostgreSQL protocol, *SSLRequest*.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::error::{Error, Kind, Result};
use crate::ids::random_uuid;

/// TLS to one PostgreSQL server.
#[derive(Clone, Debug)]
pub struct PgTls {
    config: Arc<ClientConfig>,
    /// The folder of the socket, once the tunnel is open.
    tunnel: Arc<Mutex<Option<PathBuf>>>,
}

/// The message that asks a PostgreSQL server for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

impl PgTls {
    /// Reads the certificates that the server's chain must lead to.
    ///
    /// # Errors
    /// `Invalid` when the file cannot be read or holds no certificate.
    pub fn with_ca_file(path: &Path) -> Result<Self> {
        let bad = |what: &str| {
            Error::of(
                Kind::Invalid,
                format!("expected a PEM file of CA certificates for PostgreSQL, {what}"),
            )
        };
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(path)
            .map_err(|_| bad("found a file that cannot be read"))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|_| bad("found something else"))?;
            roots
                .add(certificate)
                .map_err(|_| bad("found a certificate that is none"))?;
        }
        if roots.is_empty() {
            return Err(bad("found no certificate in it"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal("TLS cannot be set up").because(error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            tunnel: Arc::new(Mutex::new(None)),
        })
    }

    /// The URL by which libpq reaches the server through the tunnel, which is opened on first use.
    pub fn tunnelled(&self, url: &str) -> Result<String> {
        let parts = UrlParts::parse(url)?;
        let mut tunnel = self
            .tunnel
            .lock()
            .map_err(|_| Error::internal("the tunnel is poisoned"))?;
        let folder = match &*tunnel {
            Some(folder) => folder.clone(),
            None => {
                let folder = self.open(&parts)?;
                tunnel.insert(folder).clone()
            }
        };
        Ok(parts.through(&folder))
    }

    fn open(&self, parts: &UrlParts<'_>) -> Result<PathBuf> {
        let failed = |error: io::Error| {
            Error::of(
                Kind::Unavailable,
                "the tunnel to PostgreSQL cannot be opened",
            )
            .because(error)
        };
        let name = ServerName::try_from(parts.host.to_owned())
            .map_err(|_| Error::of(Kind::Invalid, "the host in the database URL is no name"))?;
        let unique = random_uuid()?;
        let folder = std::env::temp_dir().join(format!("fascicolo-pg-{unique}"));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(failed)?;
        let listener =
            UnixListener::bind(folder.join(format!(".s.PGSQL.{}", parts.port))).map_err(failed)?;
        let address = format!("{}:{}", parts.host, parts.port);
        let config = Arc::clone(&self.config);
        std::thread::Builder::new()
            .name("pg-tls".to_owned())
            .spawn(move || {
                for local in listener.incoming().flatten() {
                    let (config, name, address) =
                        (Arc::clone(&config), name.clone(), address.clone());
                    let carried = std::thread::Builder::new()
                        .name("pg-tls-carry".to_owned())
                        .spawn(move || {
                            if let Err(error) = carry(local, config, name, &address) {
                                tracing::warn!(%error, "the TLS tunnel to PostgreSQL broke");
                            }
                        });
                    if let Err(error) = carried {
                        tracing::warn!(%error, "no thread for the TLS tunnel");
                    }
                }
            })
            .map_err(failed)?;
        Ok(folder)
    }
}

/// Carries one connection of libpq to the server.
fn carry(
    mut local: UnixStream,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    address: &str,
) -> io::Result<()> {
    let mut remote = TcpStream::connect(address)?;
    remote.set_nodelay(true)?;
    remote.write_all(&SSL_REQUEST)?;
    let mut answer = [0u8; 1];
    remote.read_exact(&mut answer)?;
    if answer != *b"S" {
        return Err(io::Error::other("the server offers no TLS"));
    }
    let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut remote)?;
    }
    let both = Arc::new((Mutex::new(tls), remote.try_clone()?));
    let (upward, mut outgoing) = (Arc::clone(&both), local.try_clone()?);
    let up = std::thread::Builder::new()
        .name("pg-tls-up".to_owned())
        .spawn(move || {
            let result = carry_up(&mut outgoing, &upward);
            // The other direction must not wait for a server that will hear nothing more.
            let _ = upward.1.shutdown(Shutdown::Both);
            result
        })?;
    let down = carry_down(&mut remote, &mut local, &both);
    let _ = local.shutdown(Shutdown::Both);
    let _ = up.join();
    down
}

type Shared = (Mutex<ClientConnection>, TcpStream);

/// From libpq to the server, until libpq closes.
fn carry_up(local: &mut UnixStream, shared: &Shared) -> io::Result<()> {
    let mut buffer = vec![0u8; 64 * 1024];
    loop {
        let read = local.read(&mut buffer)?;
        let mut tls = shared.0.lock().map_err(|_| poisoned())?;
        if read == 0 {
            tls.send_close_notify();
        } else {
            tls.writer().write_all(buffer.get(..read).unwrap_or(&[]))?;
        }
        while tls.wants_write() {
            tls.write_tls(&mut (&shared.1))?;
        }
        if read == 0 {
            return Ok(());
        }
    }
}

/// From the server to libpq, until the server closes. The lock is held only to decrypt.
fn carry_down(remote: &mut TcpStream, local: &mut UnixStream, shared: &Shared) -> io::Result<()> {
    let (mut sealed, mut plain) = (vec![0u8; 64 * 1024], Vec::new());
    let mut greeting = Some(Greeting::default());
    loop {
        let read = remote.read(&mut sealed)?;
        if read == 0 {
            return Ok(());
        }
        let mut rest = sealed.get(..read).unwrap_or(&[]);
        while !rest.is_empty() {
            let mut tls = shared.0.lock().map_err(|_| poisoned())?;
            tls.read_tls(&mut rest)?;
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            plain.resize(state.plaintext_bytes_to_read(), 0);
            tls.reader().read_exact(&mut plain)?;
            while tls.wants_write() {
                tls.write_tls(&mut (&shared.1))?;
            }
            drop(tls);
            match &mut greeting {
                None => local.write_all(&plain)?,
                Some(begun) => {
                    let (ready, over) = begun.read(&plain);
                    local.write_all(&ready)?;
                    if over {
                        local.write_all(&begun.rest)?;
                        greeting = None;
                    }
                }
            }
        }
    }
}

/// The server's first messages, up to the one that says how to authenticate.
///
/// Inside TLS a server offers SCRAM with channel binding as well. libpq does not know of the TLS
/// around it and takes that offer for an attack; so it is left out, and plain SCRAM remains. Who the
/// server is has been verified by its certificate.
#[derive(Default)]
struct Greeting {
    rest: Vec<u8>,
}

const CHANNEL_BINDING: &[u8] = b"SCRAM-SHA-256-PLUS\0";
/// `AuthenticationSASL`, the request that lists mechanisms.
const SASL: [u8; 4] = [0, 0, 0, 10];

impl Greeting {
    /// Takes more bytes; returns what can be passed on, and whether the greeting is over.
    fn read(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        self.rest.extend_from_slice(bytes);
        let mut ready = Vec::new();
        loop {
            let Some((kind, after)) = self.rest.split_first() else {
                return (ready, false);
            };
            let Some((length, _)) = after.split_first_chunk::<4>() else {
                return (ready, false);
            };
            // The length counts itself but not the letter in front.
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let Some(body) = after.get(4..length) else {
                return (ready, !(4..=64 * 1024).contains(&length));
            };
            let (kind, body) = (*kind, body.to_vec());
            self.rest.drain(..length.saturating_add(1));
            match (kind, body.strip_prefix(&SASL)) {
                (b'R', Some(mechanisms)) => {
                    let mut kept = SASL.to_vec();
                    kept.extend(without(mechanisms, CHANNEL_BINDING));
                    message(b'R', &kept, &mut ready);
                    return (ready, true);
                }
                // A newer protocol was asked for; the authentication request follows.
                (b'v', _) => message(kind, &body, &mut ready),
                _ => {
                    message(kind, &body, &mut ready);
                    return (ready, true);
                }
            }
        }
    }
}

fn message(kind: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    let length = u32::try_from(body.len()).unwrap_or(0).saturating_add(4);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
}

fn without(text: &[u8], part: &[u8]) -> Vec<u8> {
    match text.windows(part.len()).position(|window| window == part) {
        Some(at) => {
            let after = at.saturating_add(part.len());
            let (front, back) = (text.get(..at), text.get(after..));
            [front.unwrap_or(&[]), back.unwrap_or(&[])].concat()
        }
        None => text.to_vec(),
    }
}

fn poisoned() -> io::Error {
    io::Error::other("the other direction of the tunnel panicked")
}

/// The parts of `postgres://user:password@host:port/database?options` that matter here.
struct UrlParts<'a> {
    scheme: &'a str,
    /// `user:password@`, or empty.
    user: &'a str,
    host: &'a str,
    port: u16,
    /// From the slash on.
    rest: &'a str,
}

impl<'a> UrlParts<'a> {
    fn parse(url: &'a str) -> Result<Self> {
        let bad = || {
            Error::of(
                Kind::Invalid,
                "expected postgres://user:password@host:port/database for TLS, found another form",
            )
        };
        let (scheme, after) = url.split_once("://").ok_or_else(bad)?;
        let slash = after.find('/').unwrap_or(after.len());
        let (authority, rest) = after.split_at_checked(slash).ok_or_else(bad)?;
        let at = authority.rfind('@').map_or(0, |at| at.saturating_add(1));
        let (user, place) = authority.split_at_checked(at).ok_or_else(bad)?;
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| bad())?),
            None => (place, 5432),
        };
        if host.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            scheme,
            user,
            host,
            port,
            rest,
        })
    }

    fn through(&self, folder: &Path) -> String {
        let question = if self.rest.contains('?') { '&' } else { '?' };
        format!(
            "{}://{}/{}{question}host={}&port={}&sslmode=disable",
            self.scheme,
            self.user,
            self.rest.trim_start_matches('/'),
            folder.to_string_lossy(),
            self.port,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_binding_is_not_offered_on() {
        let mut offer = Vec::new();
        let mechanisms = b"\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
        message(b'R', mechanisms, &mut offer);
        offer.extend_from_slice(b"more");
        let mut expected = Vec::new();
        message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0", &mut expected);
        for cut in 0..offer.len() {
            let mut greeting = Greeting::default();
            let (mut all, over) = greeting.read(&offer[..cut]);
            if !over {
                let (rest, over) = greeting.read(&offer[cut..]);
                all.extend(rest);
                assert!(over, "{cut}");
                assert_eq!(greeting.rest, b"more");
            }
            assert_eq!(all, expected, "{cut}");
        }
        let mut greeting = Greeting::default();
        let mut error = Vec::new();
        message(b'E', b"no", &mut error);
        assert_eq!(greeting.read(&error), (error.clone(), true));
    }

    #[test]
    fn url_goes_through_the_tunnel() {
        let parts =
            UrlParts::parse("postgres://u:p@db.example.it:6432/fse?application_name=x").unwrap();
        assert_eq!(
            parts.through(Path::new("/tmp/t")),
            "postgres://u:p@/fse?application_name=x&host=/tmp/t&port=6432&sslmode=disable"
        );
        assert_eq!(UrlParts::parse("postgres://db/fse").unwrap().port, 5432);
        assert!(UrlParts::parse("postgres:///fse").is_err());
    }
}
