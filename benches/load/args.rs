//! What the command line says.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Puts load on a FHIR R4 server and reports speed, errors, CPU and memory.
#[derive(Debug, Clone, Parser)]
#[command(name = "load", bin_name = "cargo bench --bench load --")]
pub struct Args {
    /// FHIR base of the server, `http://` only.
    #[arg(long, value_name = "URL")]
    pub base: Option<String>,
    /// Workloads, in the order in which they run [default: all; `mem` only with --mem-path,
    /// `search` only with --scale, and then first].
    #[arg(long, value_enum, value_delimiter = ',')]
    pub workload: Vec<Workload>,
    /// Numbers of clients, each with one connection and one request at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    pub clients: Vec<usize>,
    /// Numbers of clients of the import workload, whose requests are large.
    #[arg(long, value_delimiter = ',', default_value = "1,4")]
    pub import_clients: Vec<usize>,
    /// Numbers of clients of the search workloads.
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    pub search_clients: Vec<usize>,
    /// Searches to measure, of the group `search` [default: all].
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub search: Vec<String>,
    /// DocumentReferences to search among; the other types are in proportion [default: 10000].
    #[arg(long, value_name = "DOCUMENTS")]
    pub scale: Option<usize>,
    /// Patients to search among [default: a fiftieth of the scale].
    #[arg(long)]
    pub patients: Option<usize>,
    /// Ends each search workload after so many requests, if it takes less than --seconds.
    #[arg(long)]
    pub requests: Option<u64>,
    /// Length of each measurement.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub seconds: Duration,
    /// Load before each measurement that is not counted.
    #[arg(long, default_value = "1", value_parser = seconds)]
    pub warm_up: Duration,
    /// How long after the end of a measurement an answer may still come, in seconds.
    #[arg(long, default_value = "30", value_parser = seconds)]
    pub timeout: Duration,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Resources that are created for reading.
    #[arg(long, default_value_t = 10_000)]
    pub resources: usize,
    /// Size of each resource for reading.
    #[arg(long, default_value_t = 4_000)]
    pub read_bytes: usize,
    /// Size of each resource that is created or updated.
    #[arg(long, default_value_t = 2_000)]
    pub create_bytes: usize,
    /// Fewest entries of an import bundle.
    #[arg(long, default_value_t = 300)]
    pub bundle_entries: usize,
    /// Different import bundles, sent in turn.
    #[arg(long, default_value_t = 16)]
    pub bundles: usize,
    /// Same seed, same data.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number inside all identifiers, so that runs against one database do not meet
    /// [default: the time].
    #[arg(long)]
    pub run: Option<u32>,
    /// `Name: value` added to every request.
    #[arg(long, value_name = "HEADER")]
    pub header: Vec<String>,
    /// Process ids of the server, to report its CPU time and memory.
    #[arg(long, value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// Shell command that starts the server; it is stopped at the end and watched like --pid.
    #[arg(long, value_name = "COMMAND", conflicts_with = "pid")]
    pub start: Option<String>,
    /// Data file or folder of the server, to report its growth per resource.
    #[arg(long, value_name = "PATH")]
    pub disk: Option<PathBuf>,
    /// Path on the server, `{id}` for a number, that answers from memory: the reference for reads.
    #[arg(long, value_name = "PATH")]
    pub mem_path: Option<String>,
    /// Writes the report as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// A short run of everything over little data, which fails on any error.
    #[arg(long)]
    pub smoke: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// The settings with `--smoke` and the choice of workloads worked in.
    pub fn effective(mut self) -> Self {
        if self.workload.is_empty() {
            let wanted = |workload: &Workload| match workload {
                Workload::Mem => self.mem_path.is_some(),
                Workload::Search => self.smoke || self.scale.is_some(),
                _ => true,
            };
            self.workload = Workload::value_variants()
                .iter()
                .copied()
                .filter(wanted)
                .collect();
            // The resources that others leave behind would come among those that searches find.
            self.workload
                .sort_by_key(|workload| *workload != Workload::Search);
        }
        if self.smoke {
            self.clients = vec![2];
            self.import_clients = vec![1];
            self.seconds = Duration::from_secs(1);
            self.warm_up = Duration::from_millis(200);
            self.resources = self.resources.min(50);
            self.bundles = self.bundles.min(2);
            self.search_clients = vec![1];
            self.scale = self.scale.or(Some(200));
            self.requests = Some(1);
        }
        if self.workload.contains(&Workload::Search) {
            self.scale = self.scale.or(Some(10_000));
        }
        self
    }

    pub fn clients_of(&self, workload: Workload) -> &[usize] {
        match workload {
            Workload::Import => &self.import_clients,
            Workload::Search => &self.search_clients,
            _ => &self.clients,
        }
    }
}

/// One kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// GET of a page that the server answers from memory (--mem-path).
    Mem,
    /// GET by random id.
    Read,
    /// GET of a version, half of them superseded ones.
    Vread,
    /// POST of Observation and DocumentReference in turn.
    Create,
    /// POST, then GET of what it created.
    Mix,
    /// POST, GET, PUT, DELETE of one resource.
    Crud,
    /// PUT without If-Match, each client its own resources.
    Update,
    /// POST with If-None-Exist, half of them of what exists.
    ConditionalCreate,
    /// The same new identifier from several clients at once: one may create.
    ConditionalRace,
    /// POST of a transaction of Patient and Observation.
    MiniTransaction,
    /// POST of large transactions, one patient record each.
    Import,
    /// The search workloads, over data of their own (--scale).
    Search,
}

impl Workload {
    pub fn name(self) -> &'static str {
        match self {
            Self::Mem => "mem",
            Self::Read => "read",
            Self::Vread => "vread",
            Self::Create => "create",
            Self::Mix => "mix",
            Self::Crud => "crud",
            Self::Update => "update",
            Self::ConditionalCreate => "conditional-create",
            Self::ConditionalRace => "conditional-race",
            Self::MiniTransaction => "mini-transaction",
            Self::Import => "import",
            Self::Search => "search",
        }
    }
}

/// The command line for the report: values of headers and the start command may be secrets.
pub fn shown_command() -> String {
    let mut shown = vec!["cargo bench --bench load --".to_owned()];
    let mut hide_next = false;
    for argument in std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
    {
        let (name, value) = argument.split_once('=').unwrap_or((&argument, ""));
        let secret = matches!(name, "--header" | "--start");
        if std::mem::replace(&mut hide_next, secret && value.is_empty()) {
            shown.push("'…'".to_owned());
        } else if secret && !value.is_empty() {
            shown.push(format!("{name}='…'"));
        } else {
            shown.push(argument);
        }
    }
    shown.join(" ")
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}
