//! The server: sockets, the one handler, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::HttpService;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::dev::{AppConfig, Server, fn_service};
use actix_web::http::header::{ALLOW, HOST, HeaderMap, HeaderValue, ORIGIN};
use actix_web::http::{ConnectionType, Method};
use actix_web::rt::net::TcpStream;
use actix_web::web::{self, Data, Payload};
use actix_web::{App, HttpRequest, HttpResponse};

use super::negotiate::{Format, Wanted};
use super::peers::{self, Peers};
use super::pool::{Pool, Turn};
use super::routes::{Access, Route};
use super::state::State;
use super::wire::Wire;
use super::{fhir, respond, ui};
use crate::config::Config;
use crate::context::{Caller, RequestContext};
use crate::error::{Error, Kind, Result};
use crate::ids::random_uuid;
use crate::interactions::Live;
use crate::monitoring::counters::Class;

/// The form of an answer before the client was asked for one.
const PLAIN: Wanted = Wanted {
    format: Format::Json,
    pretty: false,
    raw: false,
};

/// How long a closing connection may take.
const DISCONNECT: Duration = Duration::from_secs(1);

/// How long a probe may wait for those before it.
const PROBE: Duration = Duration::from_secs(5);

/// A server whose sockets are bound and that has not begun to serve.
pub struct Bound {
    address: SocketAddr,
    state: Arc<State>,
    server: Server,
}

/// Binds the sockets and starts the pools.
///
/// # Errors
/// `Unavailable` when the address cannot be bound.
pub fn bind(live: Arc<Live>, config: Config, listener: std::net::TcpListener) -> Result<Bound> {
    let failed = |error: std::io::Error| {
        Error::of(Kind::Unavailable, "the server cannot be started").because(error)
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let waiting = config.limits.waiting;
    let pools = [
        Pool::start("compute", cores, waiting).map_err(failed)?,
        Pool::start("patient", 16, waiting).map_err(failed)?,
        Pool::start("bulk", cores, waiting).map_err(failed)?,
        Pool::start("probe", 1, waiting).map_err(failed)?,
    ];
    let bench_mem = std::env::var_os("FASCICOLO_BENCH_MEM").is_some() && config.dev;
    let limits = config.limits.clone();
    let (workers, shutdown) = (config.http.workers, config.http.shutdown_seconds);
    let address = listener.local_addr().map_err(failed)?;
    let hosts = config.host_names(address);
    let peers = Peers::new(&config);
    let state = Arc::new(State::new(live, config, hosts, pools, bench_mem));
    let data = Data::from(Arc::clone(&state));
    let mut server = Server::build()
        .max_concurrent_connections(limits.connections_per_worker)
        .shutdown_timeout(shutdown)
        .disable_signals();
    if workers > 0 {
        server = server.workers(workers);
    }
    let stopping = server.graceful_shutdown_signal();
    // As `HttpServer` does it, with the gate between the socket and the framework (HTTP-03).
    let serving = move || {
        let app = App::new()
            .app_data(data.clone())
            .app_data(web::PayloadConfig::new(usize::MAX))
            .default_service(web::to(handle))
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        let (peers, stopping) = (peers.clone(), stopping.clone());
        let http = HttpService::build()
            .on_connect_ext(move |wire: &Wire, data| {
                peers::greet(peers.as_ref(), wire.socket(), data);
            })
            .client_request_timeout(Duration::from_secs(limits.head_seconds))
            .client_disconnect_timeout(DISCONNECT)
            .keep_alive(Duration::from_secs(limits.keep_alive_seconds))
            // Who closes has gone: what it asked for is given up (CON-06).
            .h1_allow_half_closed(false)
            .local_addr(address)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(|socket: TcpStream| {
            let peer = socket.peer_addr().ok();
            std::future::ready(Ok((Wire::new(socket), peer)))
        })
        .and_then(http)
    };
    let server = server.listen("fhir", listener, serving).map_err(failed)?;
    let server = server.run();
    Ok(Bound {
        address,
        state,
        server,
    })
}

impl Bound {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` ends: then not ready, a drain, what is in flight, and the end (OPS-02).
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<()> {
        let handle = self.server.handle();
        let running = tokio::task::spawn_local(self.server);
        stop.await;
        self.state.stop();
        let drain = self.state.config.http.drain_seconds;
        if !self.state.config.dev {
            tokio::time::sleep(Duration::from_secs(drain)).await;
        }
        handle.stop(true).await;
        match running.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Error::internal("the server failed").because(error)),
            Err(error) => Err(Error::internal("the server panicked").because(error)),
        }
    }
}

async fn handle(state: Data<State>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let started = Instant::now();
    let state = state.into_inner();
    let request_id = request_id(request.headers());
    let (mut response, class) = match peers::begin(&request) {
        Ok(_turn) => route(&state, &request, payload, &request_id).await,
        Err(error) => (throttled(&state, &error, &request_id), Class::Other),
    };
    let status = response.status().as_u16();
    let headers = response.headers_mut();
    if let Ok(value) = request_id.parse() {
        headers.insert(
            actix_web::http::header::HeaderName::from_static("x-request-id"),
            value,
        );
    }
    if state.config.dev {
        headers.insert(
            actix_web::http::header::HeaderName::from_static("x-fascicolo-mode"),
            actix_web::http::header::HeaderValue::from_static("dev"),
        );
    }
    allow_origin(&state, &request, headers);
    let took = started.elapsed();
    state.counters.count(class, status, took);
    tracing::debug!(
        request_id,
        method = %request.method(),
        status,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}

/// Tells a client that it has too much at once, and closes: it may have a connection too many.
fn throttled(state: &State, error: &Error, request_id: &str) -> HttpResponse {
    let mut response = respond::error(&state.node(), error, &PLAIN, request_id);
    response
        .head_mut()
        .set_connection_type(ConnectionType::Close);
    response
}

async fn route(
    state: &Arc<State>,
    request: &HttpRequest,
    payload: Payload,
    request_id: &str,
) -> (HttpResponse, Class) {
    let refuse = |error: Error| {
        (
            respond::error(&state.node(), &error, &PLAIN, request_id),
            Class::Other,
        )
    };
    if let Err(error) = admissible(state, request) {
        return refuse(error);
    }
    let (route, access) = Route::find(request.method(), request.path());
    if *request.method() == Method::OPTIONS {
        return (preflight(state, request), Class::Other);
    }
    // Before a byte of the body is read (GATE-02).
    if access == Access::Authenticated && !state.config.dev {
        return refuse(Error::of(
            Kind::Unauthenticated,
            "expected credentials, found none that are accepted here",
        ));
    }
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let context = || RequestContext {
        caller: Caller::Open,
        request_id: request_id.to_owned(),
    };
    match route {
        Route::Fhir(path) => fhir::handle(state, request, payload, context(), &path).await,
        Route::Metadata => fhir::handle(state, request, payload, context(), "metadata").await,
        Route::Unknown => refuse(Error::of(
            Kind::NotFound,
            "expected a path below /fhir, found another",
        )),
        _ if !reading => {
            let (mut response, class) = refuse(Error::of(
                Kind::MethodNotAllowed,
                "expected GET on this path, found another method",
            ));
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            (response, class)
        }
        Route::StartPage => (ui::start_page(state, request), Class::Other),
        Route::Asset(name) => (ui::asset(name), Class::Other),
        Route::Live => (text(200, "live\n"), Class::Other),
        Route::Ready => (ready(state).await, Class::Other),
        Route::Metrics => {
            let damage = state.node().store.damage_met();
            (text(200, state.counters.text(damage)), Class::Other)
        }
        Route::BenchMem => match state.bench_body(request.path()) {
            Some(body) => (bench_mem(body), Class::Other),
            None => refuse(Error::of(
                Kind::NotFound,
                "not switched on, or no such body",
            )),
        },
    }
}

/// Limits of the head, and who may speak to us at all (IN-01, IN-02, HTTP-05, DEV-04).
fn admissible(state: &State, request: &HttpRequest) -> Result<()> {
    let limits = &state.config.limits;
    let uri = request
        .uri()
        .path_and_query()
        .map_or(0, |uri| uri.as_str().len());
    if uri > limits.uri_bytes {
        return Err(Error::of(
            Kind::UriTooLong,
            format!(
                "expected a URL of at most {} bytes, found {uri}",
                limits.uri_bytes
            ),
        ));
    }
    let headers = request.headers();
    let (mut count, mut bytes) = (0usize, 0usize);
    for (name, value) in headers {
        count = count.saturating_add(1);
        bytes = bytes
            .saturating_add(name.as_str().len())
            .saturating_add(value.len())
            .saturating_add(4);
    }
    if count > limits.header_count || bytes > limits.header_bytes {
        return Err(Error::of(
            Kind::HeadersTooLarge,
            format!(
                "expected at most {} headers of {} bytes in all, found more",
                limits.header_count, limits.header_bytes
            ),
        ));
    }
    let mut hosts = headers.get_all(HOST);
    let host = hosts.next().and_then(|value| value.to_str().ok());
    // A probe of a real deployment asks by whatever address the process has.
    let is_probe = !state.config.dev && matches!(request.path(), "/health/live" | "/health/ready");
    let known = host.is_some_and(|host| is_probe || state.knows_host(host));
    if hosts.next().is_some() || !known {
        return Err(Error::new(
            Kind::Invalid,
            "security",
            "expected a Host that this server is configured for, found another",
        ));
    }
    // In development mode a page of another site must not drive the open server.
    if state.config.dev
        && let Some(origin) = headers.get(ORIGIN)
        && !origin
            .to_str()
            .is_ok_and(|origin| state.allows_origin(origin))
        && request.path() != "/fhir/metadata"
    {
        return Err(Error::new(
            Kind::Forbidden,
            "security",
            "expected a web origin on this machine, found another",
        ));
    }
    Ok(())
}

/// CORS: any origin for the CapabilityStatement, registered ones for the rest (HTTP-06).
fn allow_origin(state: &State, request: &HttpRequest, headers: &mut HeaderMap) {
    let Some(origin) = request.headers().get(ORIGIN) else {
        return;
    };
    let name = actix_web::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
    if origin
        .to_str()
        .is_ok_and(|origin| state.allows_origin(origin))
    {
        headers.insert(name, origin.clone());
        headers.append(
            actix_web::http::header::VARY,
            actix_web::http::header::HeaderValue::from_static("Origin"),
        );
        headers.insert(
            actix_web::http::header::ACCESS_CONTROL_EXPOSE_HEADERS,
            actix_web::http::header::HeaderValue::from_static(
                "ETag, Last-Modified, Location, X-Request-Id",
            ),
        );
    } else if request.path() == "/fhir/metadata" {
        headers.insert(name, actix_web::http::header::HeaderValue::from_static("*"));
    }
}

fn preflight(state: &State, request: &HttpRequest) -> HttpResponse {
    let mut response = respond::builder(204);
    let known = request
        .headers()
        .get(ORIGIN)
        .and_then(|origin| origin.to_str().ok())
        .is_some_and(|origin| state.allows_origin(origin));
    if known || request.path() == "/fhir/metadata" {
        response.insert_header((
            "access-control-allow-methods",
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        ));
        response.insert_header((
            "access-control-allow-headers",
            "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer, X-Request-Id",
        ));
        response.insert_header(("access-control-max-age", "600"));
    }
    response.finish()
}

/// The client's id for the request when it is harmless, else one of ours.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|text| {
            (1..=64).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        });
    match given {
        Some(text) => text.to_owned(),
        None => random_uuid().unwrap_or_default(),
    }
}

async fn ready(state: &Arc<State>) -> HttpResponse {
    if state.is_stopping() {
        return text(503, "stopping\n");
    }
    let node = state.node();
    let turn = Turn {
        client: None,
        patience: PROBE,
        only_reads: true,
    };
    match state.probe.run(turn, move || node.store.ready()).await {
        Ok(()) => text(200, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            text(503, "not ready\n")
        }
    }
}

fn text(status: u16, body: impl Into<String>) -> HttpResponse {
    respond::builder(status)
        .content_type("text/plain; charset=utf-8")
        .body(body.into())
}

/// A body from memory: what the HTTP stack alone can do.
fn bench_mem(body: web::Bytes) -> HttpResponse {
    respond::builder(200)
        .content_type("application/fhir+json; charset=utf-8")
        .body(body)
}
