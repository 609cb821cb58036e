//! The composition root: builds everything once, from the configuration.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, RequireIfMatch, Tls, UpdateCreate};
use crate::error::{Error, Issue, Kind, Result};
use crate::fhir::definitions::Definitions;
use crate::fhir::model::json::{self, Limits};
use crate::fhir::search::Extractor;
use crate::http;
use crate::ids::{Ids, RandomIds};
use crate::interactions::{Choices, Node, Permission};
use crate::packages::read_archive;
use crate::storage::admin::Admin;
use crate::storage::{Database, IndexRows, Options, PgTls, ReindexMode, Reindexed, Target};

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
    pub node: Arc<Node>,
    bound: http::Bound,
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

/// Builds a node for a base URL: everything but the edge.
pub fn node(config: &Config, base: String, sources: Sources) -> Result<Arc<Node>> {
    let target = target(config)?;
    let (definitions, issues) = definitions(&target)?;
    for issue in issues {
        tracing::warn!(issue = issue.diagnostics, "a definition is not used");
    }
    let definitions = Arc::new(definitions);
    let extractor = Arc::new(Extractor::new(Arc::clone(&definitions)));
    let store = Database::open(
        Options {
            target,
            data_dir: config.data_dir.clone(),
            dev: config.dev,
            names: extractor.names(),
            readers: config.storage.readers,
            waiting: config.limits.waiting,
            read_limit: Duration::from_millis(config.limits.search_milliseconds),
            cache_bytes: config.storage.cache_bytes,
            reserve_bytes: config.storage.reserve_bytes,
        },
        Arc::clone(&sources.clock),
    )?;
    let limits = &config.limits;
    let node = Arc::new(Node {
        definitions,
        extractor,
        store: Arc::new(store),
        clock: sources.clock,
        ids: sources.ids,
        base,
        choices: Choices {
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
        },
    });
    if !node.store.is_indexed() {
        tracing::info!("the index is of an older version: it is rebuilt before anything is served");
        let mut told = 0;
        let done = reindex(config, &node, ReindexMode::Rebuild, &mut |done| {
            if done.looked_at >= told {
                tracing::info!(resources = done.looked_at, "rebuilding the index");
                told = done.looked_at.saturating_add(50_000);
            }
        })?;
        tracing::info!(resources = done.looked_at, "the index is rebuilt");
    }
    Ok(node)
}

/// Goes through the index of a database that this process may write.
pub fn reindex(
    config: &Config,
    node: &Node,
    mode: ReindexMode,
    progress: &mut dyn FnMut(Reindexed),
) -> Result<Reindexed> {
    let compute = |name: &str, text: &[u8]| -> Result<IndexRows> {
        let tree = json::parse(text, &node.choices.limits)?;
        node.index(name, &tree)
    };
    Admin::open(&target(config)?)?.reindex(node.store.dictionary(), mode, &compute, progress)
}

/// R4 and the packages that were added.
fn definitions(target: &Target) -> Result<(Definitions, Vec<Issue>)> {
    let mut admin = Admin::open(target)?;
    let mut packages = Vec::new();
    for row in admin.packages()? {
        let archive = admin.package_archive(&row.name, &row.version)?;
        let package = read_archive(&archive)?;
        packages.push(
            package
                .resources
                .into_iter()
                .map(|(_, text)| text)
                .collect(),
        );
    }
    if packages.is_empty() {
        return Ok((Definitions::r4()?, Vec::new()));
    }
    Definitions::with(packages)
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
        let node = node(&config, config.base_url_at(address), sources)?;
        let bound = http::bind(Arc::clone(&node), config, listener)?;
        Ok(Self { node, bound })
    }

    pub fn address(&self) -> SocketAddr {
        self.bound.address()
    }

    /// Serves until `stop` ends, then ends in order.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<()> {
        let Self { node, bound } = self;
        bound.serve(stop).await?;
        // The last act (OPS-02). Without it nothing is lost either: the next start reads the log.
        if let Err(error) = node.store.settle() {
            tracing::warn!(%error, "the log of the database could not be emptied");
        }
        Ok(())
    }
}
