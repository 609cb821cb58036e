//! What one client address may have at once, and how often it may ask (HTTP-02, LOAD-02).
//!
//! A connection beyond the limit is told so with its first answer and closed; beyond twice the limit
//! it is closed unheard, so that not even waiting connections of one address can fill the server.
//! In development mode there is nothing to count: only this machine can connect (DEV-01).

use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustix::net::Shutdown;

use super::buckets::Buckets;
use crate::config::Config;
use crate::error::{Error, Kind, Result};

/// Who asks, as far as limits and turns go: an address, until there are principals. A hash under a key of
/// this process, so that any kind of name has the same small form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client(u64);

#[cfg(test)]
impl Client {
    /// Some client.
    pub fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// The clients that are connected now.
pub struct Peers {
    /// 0 for no limit.
    connections: usize,
    /// 0 for no limit.
    requests: usize,
    /// `None` for no limit.
    buckets: Option<Buckets<Client>>,
    names: RandomState,
    known: Mutex<HashMap<Client, Peer>>,
}

#[derive(Default)]
struct Peer {
    connections: usize,
    requests: Arc<AtomicUsize>,
}

/// An open connection; it counts until it is dropped.
pub struct Connection {
    peers: Arc<Peers>,
    client: Client,
    requests: Arc<AtomicUsize>,
    /// Beyond the limit, and there only to be told so.
    over: bool,
}

/// A request at work; it counts until it is dropped.
#[derive(Debug)]
pub struct Begun(Arc<AtomicUsize>);

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Peers {
    /// `None` when nothing is limited.
    pub fn new(config: &Config) -> Option<Arc<Self>> {
        let limits = &config.limits;
        if config.dev {
            return None;
        }
        Some(Arc::new(Self {
            connections: limits.connections_per_address,
            requests: limits.requests_per_address,
            buckets: Buckets::new(
                limits.requests_per_second,
                limits.requests_burst,
                Instant::now(),
            ),
            names: RandomState::new(),
            known: Mutex::default(),
        }))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Client, Peer>> {
        // Counts are whole after each statement, whatever happened to the thread that held them.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection; `None` when it must be closed at once.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Connection> {
        let client = Client(self.names.hash_one(household(address)));
        let mut known = self.known();
        let peer = known.entry(client).or_default();
        let limited = self.connections > 0;
        if limited && peer.connections >= self.connections.saturating_mul(2) {
            return None;
        }
        peer.connections = peer.connections.saturating_add(1);
        Some(Connection {
            peers: Arc::clone(self),
            client,
            requests: Arc::clone(&peer.requests),
            over: limited && peer.connections > self.connections,
        })
    }
}

impl Connection {
    /// Counts a request.
    fn begin(&self, now: Instant) -> Result<Begun> {
        if self.over {
            return Err(too_many("connections", self.peers.connections));
        }
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        let begun = Begun(Arc::clone(&self.requests));
        let most = self.peers.requests;
        if most > 0 && before >= most {
            return Err(too_many("requests at once", most));
        }
        if let Some(buckets) = &self.peers.buckets
            && let Err(wait) = buckets.take(self.client, now)
        {
            let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
            let text = "expected fewer requests in this time from one address; try again";
            return Err(Error::of(Kind::Throttled, text).retry_after(seconds.saturating_add(1)));
        }
        Ok(begun)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut known = self.peers.known();
        if let Some(peer) = known.get_mut(&self.client) {
            peer.connections = peer.connections.saturating_sub(1);
            if peer.connections == 0 {
                known.remove(&self.client);
            }
        }
    }
}

fn too_many(what: &str, most: usize) -> Error {
    Error::of(
        Kind::Throttled,
        format!("expected at most {most} {what} from one address, found more; try again"),
    )
    .retry_after(1)
}

/// The client that an address stands for: a network of 64 bits is one household or one server.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

/// Counts a connection that has just been made, for as long as its data live.
pub fn greet(peers: Option<&Arc<Peers>>, socket: &dyn Any, data: &mut Extensions) {
    let Some(peers) = peers else {
        return;
    };
    let Some(stream) = socket.downcast_ref::<TcpStream>() else {
        return;
    };
    // Without an address it is gone already.
    let Ok(address) = stream.peer_addr() else {
        return;
    };
    match peers.enter(address.ip()) {
        Some(connection) => {
            data.insert(connection);
        }
        None => {
            // The socket is the framework's: ended, it looks as if the client had closed it.
            let _ = rustix::net::shutdown(stream, Shutdown::Both);
        }
    }
}

/// Counts a request for as long as the answer to it is at work.
///
/// # Errors
/// `Throttled` when its address has too much already.
pub fn begin(request: &HttpRequest) -> Result<Option<Begun>> {
    // A probe must not be told that the server is ill because its host is busy.
    if matches!(request.path(), "/health/live" | "/health/ready") {
        return Ok(None);
    }
    request
        .conn_data::<Connection>()
        .map(|connection| connection.begin(Instant::now()))
        .transpose()
}

/// Who asks; `None` where clients are not told apart.
pub fn client(request: &HttpRequest) -> Option<Client> {
    request
        .conn_data::<Connection>()
        .map(|connection| connection.client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers(connections: usize, requests: usize) -> Arc<Peers> {
        let mut config = Config::default();
        config.limits.connections_per_address = connections;
        config.limits.requests_per_address = requests;
        Peers::new(&config).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn http_02_connections_of_one_address() {
        let peers = peers(2, 0);
        let enter = |text: &str| peers.enter(address(text));
        let within = [enter("192.0.2.1").unwrap(), enter("192.0.2.1").unwrap()];
        assert!(
            within
                .iter()
                .all(|connection| connection.begin(Instant::now()).is_ok())
        );
        let over = [enter("192.0.2.1").unwrap(), enter("192.0.2.1").unwrap()];
        for connection in &over {
            let error = connection.begin(Instant::now()).unwrap_err();
            assert_eq!(error.kind(), Kind::Throttled);
            assert_eq!(error.retry_after_seconds(), Some(1));
        }
        assert!(enter("192.0.2.1").is_none());
        assert!(enter("192.0.2.2").unwrap().begin(Instant::now()).is_ok());
        drop((within, over));
        assert!(enter("192.0.2.1").unwrap().begin(Instant::now()).is_ok());
        assert!(peers.known().is_empty(), "who has left is forgotten");
    }

    #[test]
    fn load_02_requests_of_one_address() {
        let peers = peers(0, 2);
        let enter = || peers.enter(address("192.0.2.1")).unwrap();
        let (first, second, third) = (enter(), enter(), enter());
        let turn = first.begin(Instant::now()).unwrap();
        let other = second.begin(Instant::now()).unwrap();
        assert_eq!(
            third.begin(Instant::now()).unwrap_err().kind(),
            Kind::Throttled
        );
        drop(turn);
        let again = third.begin(Instant::now()).unwrap();
        assert!(first.begin(Instant::now()).is_err());
        drop((other, again));
        assert!(first.begin(Instant::now()).is_ok());
    }

    #[test]
    fn addresses_that_are_one_client() {
        let one = |a: &str, b: &str| household(address(a)) == household(address(b));
        assert!(one("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!one("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(one("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!one("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn load_02_rate_of_one_address() {
        let mut config = Config::default();
        config.limits.requests_per_second = 1;
        config.limits.requests_burst = 2;
        let peers = Peers::new(&config).unwrap();
        let now = Instant::now();
        let begin = |text: &str| peers.enter(address(text)).unwrap().begin(now);
        // The bucket is of the address, not of the connection.
        assert!(begin("192.0.2.1").is_ok() && begin("192.0.2.1").is_ok());
        let error = begin("192.0.2.1").unwrap_err();
        assert_eq!(error.kind(), Kind::Throttled);
        assert_eq!(error.retry_after_seconds(), Some(2));
        assert!(begin("192.0.2.2").is_ok());
        config.limits.requests_per_second = 0;
        assert!(Peers::new(&config).unwrap().buckets.is_none());
    }

    #[test]
    fn dev_01_nobody_is_told_apart_in_development_mode() {
        let mut config = Config::default();
        assert!(Peers::new(&config).is_some());
        config.dev = true;
        assert!(Peers::new(&config).is_none());
    }
}
