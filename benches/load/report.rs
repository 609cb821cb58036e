//! The report: an aligned table while it runs, ratios at its end, and the same as JSON.

use serde_json::{Value, json};

use crate::runner::Measured;

/// Everything of one run of the generator.
#[derive(Debug, Default)]
pub struct Report {
    pub command: String,
    pub machine: String,
    pub base: String,
    /// The `software` of the CapabilityStatement, if it has one.
    pub server: String,
    pub settings: Value,
    /// From the start command to the first answer.
    pub start_millis: Option<f64>,
    pub measured: Vec<Measured>,
}

/// A figure by which two measurements are compared.
#[derive(Debug)]
pub struct Ratio {
    pub name: String,
    pub value: f64,
}

pub fn print_heading() {
    println!(
        "{:<18} {:>7} {:>9} {:>10} {:>10} {:>8} {:>8} {:>8} {:>9} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "workload",
        "clients",
        "requests",
        "req/s",
        "res/s",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "max ms",
        "errors",
        "CPU s",
        "µs/req",
        "gen µs",
        "peak MB",
        "RSS MB",
    );
}

pub fn print_row(row: &Measured) {
    let millis = |permille| float(row.tally.latencies.permille_micros(permille)) / 1_000.0;
    println!(
        "{:<18} {:>7} {:>9} {:>10.1} {:>10.1} {:>8.2} {:>8.2} {:>8.2} {:>9.2} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8}",
        row.workload,
        row.clients,
        row.tally.latencies.count(),
        row.per_second(),
        float(row.tally.resources) / row.seconds,
        millis(500),
        millis(900),
        millis(990),
        float(row.tally.latencies.max_micros()) / 1_000.0,
        row.tally.error_count(),
        figure(row.server_cpu),
        figure(row.micros_per_request(row.server_cpu)),
        figure(row.micros_per_request(row.generator_cpu)),
        figure(row.peak_kib.map(|kib| kib / 1_024.0)),
        figure(row.resident_kib.map(|kib| kib / 1_024.0)),
    );
    for (reason, times) in &row.tally.errors {
        println!("{:<18} {times} × {reason}", "");
    }
    if let Some(bytes) = row.disk_per_resource() {
        println!("{:<18} {bytes:.0} bytes on disk per resource", "");
    }
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        float(self.tally.latencies.count()) / self.seconds
    }

    pub fn micros_per_request(&self, cpu: Option<f64>) -> Option<f64> {
        let count = self.tally.latencies.count();
        cpu.filter(|_| count > 0)
            .map(|seconds| seconds * 1e6 / float(count))
    }

    fn disk_per_resource(&self) -> Option<f64> {
        let grown = self.disk_growth.filter(|bytes| *bytes > 0)?;
        (self.all_resources > 0).then(|| float(grown) / float(self.all_resources))
    }

    fn to_json(&self) -> Value {
        let latencies = &self.tally.latencies;
        let count = latencies.count();
        json!({
            "workload": self.workload,
            "clients": self.clients,
            "seconds": self.seconds,
            "requests": count,
            "requestsPerSecond": rounded(self.per_second()),
            "resourcesPerSecond": rounded(float(self.tally.resources) / self.seconds),
            "meanAnswerResources": rounded(float(self.tally.resources) / float(count.max(1))),
            "meanAnswerBytes": rounded(float(self.tally.body_bytes) / float(count.max(1))),
            "latencyMicros": {
                "p50": latencies.permille_micros(500),
                "p90": latencies.permille_micros(900),
                "p95": latencies.permille_micros(950),
                "p99": latencies.permille_micros(990),
                "max": latencies.max_micros(),
            },
            "pageMicrosP50": self.pages.as_ref().map(|pages| json!({
                "firstTenth": pages.first_micros,
                "lastTenth": pages.last_micros,
            })),
            "errors": self.tally.errors,
            "serverCpuSeconds": self.server_cpu.map(rounded),
            "serverCpuMicrosPerRequest": self.micros_per_request(self.server_cpu).map(rounded),
            "generatorCpuMicrosPerRequest": self.micros_per_request(self.generator_cpu).map(rounded),
            "serverPeakKiB": self.peak_kib,
            "serverResidentKiB": self.resident_kib,
            "diskBytesPerResource": self.disk_per_resource().map(rounded),
        })
    }
}

impl Report {
    /// No error anywhere, and at least one good answer everywhere.
    pub fn is_clean(&self) -> bool {
        self.measured
            .iter()
            .all(|row| row.tally.error_count() == 0 && row.tally.latencies.count() > 0)
    }

    /// Reads against the answer from memory at the same number of clients, and each writing
    /// workload at most clients against fewest.
    pub fn ratios(&self) -> Vec<Ratio> {
        let mut ratios = Vec::new();
        for row in &self.measured {
            let mem = self.find("mem", row.clients);
            if let (Some(mem), "read" | "vread") = (mem, row.workload) {
                let name = format!("{} / mem, {} clients", row.workload, row.clients);
                push(
                    &mut ratios,
                    format!("{name}, by req/s"),
                    row.per_second(),
                    mem.per_second(),
                );
                let cpu = |row: &Measured| row.micros_per_request(row.server_cpu);
                if let Some((row, mem)) = cpu(row).zip(cpu(mem)) {
                    // Less time per request is better, so the quotient is turned round.
                    push(&mut ratios, format!("{name}, by CPU"), mem, row);
                }
            }
        }
        for workload in ["create", "mini-transaction", "update"] {
            let rows = || {
                self.measured
                    .iter()
                    .filter(move |row| row.workload == workload)
            };
            let fewest = rows().min_by_key(|row| row.clients);
            let most = rows().max_by_key(|row| row.clients);
            if let Some((most, fewest)) = most.zip(fewest).filter(|(m, f)| m.clients > f.clients) {
                let name = format!("{workload}, {} clients / {}", most.clients, fewest.clients);
                push(&mut ratios, name, most.per_second(), fewest.per_second());
            }
        }
        ratios
    }

    pub fn print_ratios(&self) {
        let ratios = self.ratios();
        if !ratios.is_empty() {
            println!("\nratios");
        }
        for Ratio { name, value } in ratios {
            println!("{name:<44} {value:>7.2}");
        }
    }

    pub fn to_json(&self) -> Value {
        let ratios: serde_json::Map<String, Value> = self
            .ratios()
            .into_iter()
            .map(|ratio| (ratio.name, json!(rounded(ratio.value))))
            .collect();
        json!({
            "command": self.command,
            "machine": self.machine,
            "base": self.base,
            "server": self.server,
            "settings": self.settings,
            "startMillis": self.start_millis.map(rounded),
            "measurements": self.measured.iter().map(Measured::to_json).collect::<Vec<_>>(),
            "ratios": ratios,
        })
    }

    fn find(&self, workload: &str, clients: usize) -> Option<&Measured> {
        self.measured
            .iter()
            .find(|row| row.workload == workload && row.clients == clients)
    }
}

fn push(ratios: &mut Vec<Ratio>, name: String, part: f64, whole: f64) {
    if whole > 0.0 {
        ratios.push(Ratio {
            name,
            value: part / whole,
        });
    }
}

pub fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}

/// Two decimals are more than these measurements are good for.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Exact up to 2^53, far above any count here.
pub fn float(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & 0xffff_ffff).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}
