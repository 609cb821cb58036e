//! What one client address may have at once (HTTP-02, LOAD-02).
//!
//! A connection beyond the limit is told so with its first answer and closed; beyond twice the limit
//! it is closed unheard, so that not even waiting connections of one address can fill the server.
//! In development mode there is nothing to count: only this machine can connect (DEV-01).

use std::any::Any;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustix::net::Shutdown;

use crate::config::Config;
use crate::error::{Error, Kind, Result};

/// The addresses that are connected now.
pub struct Peers {
    /// 0 for no limit.
    connections: usize,
    /// 0 for no limit.
    requests: usize,
    known: Mutex<HashMap<IpAddr, Peer>>,
}

#[derive(Default)]
struct Peer {
    connections: usize,
    requests: Arc<AtomicUsize>,
}

/// An open connection; it counts until it is dropped.
pub struct Connection {
    peers: Arc<Peers>,
    address: IpAddr,
    requests: Arc<AtomicUsize>,
    /// Beyond the limit, and there only to be told so.
    over: bool,
}

/// A request at work; it counts until it is dropped.
#[derive(Debug)]
pub struct Turn(Arc<AtomicUsize>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Peers {
    /// `None` when nothing is limited.
    pub fn new(config: &Config) -> Option<Arc<Self>> {
        let limits = &config.limits;
        let (connections, requests) = (limits.connections_per_address, limits.requests_per_address);
        if config.dev || (connections == 0 && requests == 0) {
            return None;
        }
        Some(Arc::new(Self {
            connections,
            requests,
            known: Mutex::default(),
        }))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<IpAddr, Peer>> {
        // Counts are whole after each statement, whatever happened to the thread that held them.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection; `None` when it must be closed at once.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Connection> {
        let address = client(address);
        let mut known = self.known();
        let peer = known.entry(address).or_default();
        let limited = self.connections > 0;
        if limited && peer.connections >= self.connections.saturating_mul(2) {
            return None;
        }
        peer.connections = peer.connections.saturating_add(1);
        Some(Connection {
            peers: Arc::clone(self),
            address,
            requests: Arc::clone(&peer.requests),
            over: limited && peer.connections > self.connections,
        })
    }
}

impl Connection {
    /// Counts a request.
    fn begin(&self) -> Result<Turn> {
        if self.over {
            return Err(too_many("connections", self.peers.connections));
        }
        let before = self.requests.fetch_add(1, Ordering::Relaxed);
        let turn = Turn(Arc::clone(&self.requests));
        let most = self.peers.requests;
        if most > 0 && before >= most {
            return Err(too_many("requests at once", most));
        }
        Ok(turn)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut known = self.peers.known();
        if let Some(peer) = known.get_mut(&self.address) {
            peer.connections = peer.connections.saturating_sub(1);
            if peer.connections == 0 {
                known.remove(&self.address);
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
fn client(address: IpAddr) -> IpAddr {
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
pub fn begin(request: &HttpRequest) -> Result<Option<Turn>> {
    // A probe must not be told that the server is ill because its host is busy.
    if matches!(request.path(), "/health/live" | "/health/ready") {
        return Ok(None);
    }
    request
        .conn_data::<Connection>()
        .map(Connection::begin)
        .transpose()
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
        assert!(within.iter().all(|connection| connection.begin().is_ok()));
        let over = [enter("192.0.2.1").unwrap(), enter("192.0.2.1").unwrap()];
        for connection in &over {
            let error = connection.begin().unwrap_err();
            assert_eq!(error.kind(), Kind::Throttled);
            assert_eq!(error.retry_after_seconds(), Some(1));
        }
        assert!(enter("192.0.2.1").is_none());
        assert!(enter("192.0.2.2").unwrap().begin().is_ok());
        drop((within, over));
        assert!(enter("192.0.2.1").unwrap().begin().is_ok());
        assert!(peers.known().is_empty(), "who has left is forgotten");
    }

    #[test]
    fn load_02_requests_of_one_address() {
        let peers = peers(0, 2);
        let enter = || peers.enter(address("192.0.2.1")).unwrap();
        let (first, second, third) = (enter(), enter(), enter());
        let turn = first.begin().unwrap();
        let other = second.begin().unwrap();
        assert_eq!(third.begin().unwrap_err().kind(), Kind::Throttled);
        drop(turn);
        let again = third.begin().unwrap();
        assert!(first.begin().is_err());
        drop((other, again));
        assert!(first.begin().is_ok());
    }

    #[test]
    fn addresses_that_are_one_client() {
        let one = |a: &str, b: &str| client(address(a)) == client(address(b));
        assert!(one("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!one("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(one("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!one("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn nothing_is_counted_where_nothing_is_limited() {
        let mut config = Config::default();
        assert!(Peers::new(&config).is_some());
        config.dev = true;
        assert!(Peers::new(&config).is_none());
        config.dev = false;
        config.limits.connections_per_address = 0;
        config.limits.requests_per_address = 0;
        assert!(Peers::new(&config).is_none());
    }
}
