//! A real server on a free port, and a client that sees everything it answers.
//!
//! SQLite in a folder of its own, unless `FASCICOLO_TEST_POSTGRES` names a PostgreSQL server: then
//! each node gets a fresh database there.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)]

pub mod database;

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use fascicolo::app::{App, Sources};
use fascicolo::config::Config;
use fascicolo::interactions::Node;
use reqwest::blocking::{Client, ClientBuilder, RequestBuilder, Response};
use serde_json::Value;

use self::database::TestDatabase;

/// A running node; stops in order when dropped.
pub struct TestNode {
    pub address: SocketAddr,
    pub base: String,
    pub node: Arc<Node>,
    client: Client,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    // Last: the data must outlive the server.
    pub database: TestDatabase,
}

impl TestNode {
    /// A node in development mode over an empty database.
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// A node whose configuration is changed before it starts.
    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::over(TestDatabase::fresh(), change)
    }

    /// A node over a database that may hold something already.
    pub fn over(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            dev: true,
            ..database.config()
        };
        config.fhir.require_if_match = fascicolo::config::RequireIfMatch::Off;
        config.fhir.update_create = fascicolo::config::UpdateCreate::On;
        config.http.workers = 2;
        // A slow machine is no reason to refuse a read.
        config.limits.waiting_milliseconds = 60_000;
        change(&mut config);
        let (started, address) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = App::start(config, Sources::default()).expect("the node starts");
                started
                    .send((app.address(), Arc::clone(&app.node)))
                    .unwrap();
                app.serve(async {
                    let _ = stopped.await;
                })
                .await
                .expect("the node ends in order");
            });
        });
        let (address, node) = address
            .recv_timeout(Duration::from_secs(60))
            .expect("the node starts");
        Self {
            address,
            base: format!("http://{address}/fhir"),
            node,
            client: client(),
            stop: Some(stop),
            thread: Some(thread),
            database,
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(self.url(path)))
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = headers
            .iter()
            .fold(self.client.get(self.url(path)), |r, (n, v)| {
                r.header(*n, *v)
            });
        self.send(request)
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.request(
            "POST",
            path,
            &[("content-type", "application/fhir+json")],
            body.as_bytes(),
        )
    }

    pub fn put(&self, path: &str, body: &str) -> Answer {
        self.request(
            "PUT",
            path,
            &[("content-type", "application/fhir+json")],
            body.as_bytes(),
        )
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, &[], b"")
    }

    /// Any request; `path` is below the FHIR base, or from the root when it begins with `/`.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body.to_vec());
        }
        self.send(request)
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http") {
            return path.to_owned();
        }
        match path.strip_prefix('/') {
            Some(path) => format!("http://{}/{path}", self.address),
            None if path.is_empty() => self.base.clone(),
            None => format!("{}/{path}", self.base),
        }
    }

    fn send(&self, request: RequestBuilder) -> Answer {
        Answer::of(request.send().expect("the server answers"))
    }

    /// Creates a resource and returns its id.
    #[track_caller]
    pub fn create(&self, resource: &str) -> String {
        let resource_type = serde_json::from_str::<Value>(resource).unwrap()["resourceType"]
            .as_str()
            .unwrap()
            .to_owned();
        let answer = self.post(&resource_type, resource);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Stops the server in order and keeps the data.
    pub fn stop(mut self) -> TestDatabase {
        self.end();
        std::mem::replace(&mut self.database, TestDatabase::gone())
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the node does not panic");
        }
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.end();
    }
}

fn client() -> Client {
    plain_http()
        .timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// A client that trusts no certificate: these tests speak plain HTTP, and certificates of the
/// system take time to read, where there are any.
pub fn plain_http() -> ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().tls_certs_only(Vec::new())
}

/// Everything the server said.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    fn of(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().expect("the whole body").to_vec(),
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The entries of a Bundle.
    pub fn entries(&self) -> Vec<Value> {
        self.json()["entry"].as_array().cloned().unwrap_or_default()
    }

    /// Asserts a status and, of an OperationOutcome, the code of its first issue.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        let found = (
            self.status,
            self.json()["issue"][0]["code"]
                .as_str()
                .unwrap_or("")
                .to_owned(),
        );
        assert_eq!(found, (status, code.to_owned()), "{}", self.text());
    }
}

/// The folder of published suites and examples, where it is present.
pub fn shared(path: &str) -> Option<std::path::PathBuf> {
    let found = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared")
        .join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("skipped: ../shared/{path} is absent");
    None
}
