//! The composition root: builds everything once, from the configuration.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::clock::{Clock, Instant, SystemClock};
use crate::config::{self, Config, RequireIfMatch, Tls, UpdateCreate};
use crate::error::{Error, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json::{self, Limits};
use crate::fhir::search::{Extractor, Restrictions};
use crate::fhir::terminology::Terminology;
use crate::http;
use crate::ids::{Ids, RandomIds};
use crate::interactions::{Choices, Defined, Live, Node, Permission, search_parameters};
use crate::jobs::{Keeper, indexed_by};
use crate::packages::read_archive;
use crate::storage::admin::Admin;
use crate::storage::{Database, Options, PgTls, ReindexMode, Reindexed, Reindexer, Target};

/// The clock and the ids of a node: tests bring their own.
pub struct Sources {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds::new()),
        }
    }
}

/// A node that is built and bound but does not serve yet.
pub struct App {
    /// As it was at the start; requests are answered by the one in force.
    pub node: Arc<Node>,
    bound: http::Bound,
    keeper: Keeper,
}

/// The database that the configuration names.
pub fn target(config: &Config) -> Result<Target> {
    match &config.database {
        config::Database::Sqlite(path) => Ok(Target::Sqlite(path.clone())),
        config::Database::Postgres(url) => {
            let tls = match (config.postgres.tls, &config.postgres.ca_file) {
                (Tls::Require, Some(file)) => Some(PgTls::with_ca_file(file)?),
                _ => None,
            };
            Ok(Target::Postgres {
                url: url.expose().to_owned(),
                tls,
            })
        }
    }
}

/// What is defined, as read from the database.
struct Read {
    definitions: Arc<Definitions>,
    extractor: Arc<Extractor>,
    in_force: Arc<HashSet<String>>,
    edition: i64,
}

/// Builds a node for a base URL: everything but the edge.
pub fn node(config: &Config, base: String, sources: Sources) -> Result<Arc<Live>> {
    let target = target(config)?;
    let mut admin = Admin::open(&target)?;
    let read = read(&mut admin)?;
    let store = Arc::new(Database::open(
        Options {
            target: target.clone(),
            data_dir: config.data_dir.clone(),
            dev: config.dev,
            names: read.extractor.names(),
            readers: config.storage.readers,
            waiting: config.limits.waiting,
            read_limit: Duration::from_millis(config.limits.search_milliseconds),
            cache_bytes: config.storage.cache_bytes,
            reserve_bytes: config.storage.reserve_bytes,
        },
        Arc::clone(&sources.clock),
    )?);
    let mut node = Node {
        terminology: Arc::new(Terminology::new(Arc::clone(&read.definitions))),
        definitions: Arc::clone(&read.definitions),
        extractor: Arc::clone(&read.extractor),
        dictionary: Arc::clone(store.dictionary()),
        unready: Arc::default(),
        in_force: Arc::clone(&read.in_force),
        edition: read.edition,
        live: Weak::new(),
        store,
        clock: Arc::clone(&sources.clock),
        ids: sources.ids,
        base,
        choices: choices(config),
        // Everybody may know of everything: the one place that says so, until there are callers to tell apart.
        restrictions: Arc::new(Restrictions::open()),
    };
    if !node.store.is_indexed() {
        rebuild(&mut admin, &node)?;
    }
    let clock = sources.clock;
    let defined = enter(&mut admin, Some(read), clock.now())?;
    drop(admin);
    let define = move || enter(&mut Admin::open(&target)?, None, clock.now());
    Ok(Live::new(Box::new(define), |live| {
        node.live = live;
        node.defined_by(defined)
    }))
}

fn choices(config: &Config) -> Choices {
    let limits = &config.limits;
    Choices {
        update_create: match config.fhir.update_create {
            UpdateCreate::Off => Permission::Never,
            UpdateCreate::NonClinical => Permission::NonClinical,
            UpdateCreate::On => Permission::Always,
        },
        require_if_match: match config.fhir.require_if_match {
            RequireIfMatch::Off => Permission::Never,
            RequireIfMatch::Clinical => Permission::Clinical,
            RequireIfMatch::On => Permission::Always,
        },
        limits: Limits {
            depth: limits.json_depth,
            nodes: limits.json_nodes,
            string: limits.string_bytes,
        },
        resource_bytes: limits.resource_bytes,
        document_bytes: usize::try_from(limits.document_bytes).unwrap_or(usize::MAX),
        bundle_entries: limits.bundle_entries,
        dev: config.dev,
    }
}

/// R4, the packages that were added, and the search parameters that are in force.
fn read(admin: &mut Admin) -> Result<Read> {
    let sources = admin.sources(search_parameters::TYPE)?;
    let mut layers = Vec::new();
    for archive in &sources.archives {
        let package = read_archive(archive)?;
        layers.push(
            package
                .resources
                .into_iter()
                .map(|(_, text)| text)
                .collect(),
        );
    }
    let (mut in_force, mut stored) = (HashSet::new(), Vec::new());
    for text in sources.resources {
        // What cannot be read any more is not in force.
        if let Ok(resource) = json::parse(&text, &Limits::default())
            && search_parameters::is_active(&resource)
        {
            in_force.extend(resource.str_at("id").map(str::to_owned));
            stored.push(text);
        }
    }
    layers.push(stored);
    let (definitions, issues) = Definitions::with(layers)?;
    for issue in issues {
        tracing::warn!(issue = issue.diagnostics, "a definition is not used");
    }
    let definitions = Arc::new(definitions);
    Ok(Read {
        extractor: Arc::new(Extractor::new(Arc::clone(&definitions))),
        definitions,
        in_force: Arc::new(in_force),
        edition: sources.edition,
    })
}

/// Tells the database what is defined; what was read before is read again when it is in force no more.
fn enter(admin: &mut Admin, before: Option<Read>, now: Instant) -> Result<Defined> {
    let mut before = before;
    for _ in 0..8 {
        let found = match before.take() {
            Some(found) => found,
            None => read(admin)?,
        };
        let (names, forms) = (found.extractor.names(), found.extractor.forms());
        if let Some(known) = admin.enter(found.edition, &names, forms, now)? {
            return Ok(Defined {
                definitions: found.definitions,
                extractor: found.extractor,
                in_force: found.in_force,
                known,
                edition: found.edition,
            });
        }
    }
    Err(Error::of(
        Kind::Unavailable,
        "the definitions keep changing; try again",
    )
    .retry_after(1))
}

fn rebuild(admin: &mut Admin, node: &Node) -> Result<()> {
    tracing::info!("the index is of an older version: it is rebuilt before anything is served");
    let mut told = 0;
    let done = admin.rebuild(&indexed_by(node), &mut |done| {
        if done.looked_at >= told {
            tracing::info!(resources = done.looked_at, "rebuilding the index");
            told = done.looked_at.saturating_add(50_000);
        }
    })?;
    match done {
        Some(done) => tracing::info!(resources = done.looked_at, "the index is rebuilt"),
        None => tracing::info!("another process has rebuilt the index"),
    }
    Ok(())
}

/// Goes through the index of a database that this process may write.
pub fn reindex(
    admin: &mut Admin,
    node: &Node,
    mode: ReindexMode,
    progress: &mut dyn FnMut(Reindexed),
) -> Result<Reindexed> {
    admin.reindex(&indexed_by(node), mode, progress)
}

impl App {
    /// Builds a node and binds its address.
    ///
    /// # Errors
    /// Whatever keeps it from serving: an address in use, a database that cannot be reached or is
    /// of the other kind, a setting that development mode forbids.
    pub fn start(config: Config, sources: Sources) -> Result<Self> {
        config::check_dev(&config)?;
        let listener = TcpListener::bind(config.listen).map_err(|error| {
            Error::of(
                Kind::Unavailable,
                format!("the address {} cannot be bound: {error}", config.listen),
            )
        })?;
        listener
            .set_nonblocking(true)
            .map_err(|error| Error::internal("the socket cannot be set up").because(error))?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::internal("a socket without an address").because(error))?;
        let reindexer = Reindexer::new(target(&config)?);
        let live = node(&config, config.base_url_at(address), sources)?;
        let keeper = Keeper::start(&live, reindexer)?;
        let node = live.node();
        let bound = http::bind(live, config, listener)?;
        Ok(Self {
            node,
            bound,
            keeper,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.bound.address()
    }

    /// Serves until `stop` ends, then ends in order.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<()> {
        let Self {
            node,
            bound,
            keeper,
        } = self;
        bound.serve(stop).await?;
        drop(keeper);
        // The last act (OPS-02). Without it nothing is lost either: the next start reads the log.
        if let Err(error) = node.store.settle() {
            tracing::warn!(%error, "the log of the database could not be emptied");
        }
        Ok(())
    }
}
