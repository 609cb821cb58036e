//! The report of the searches: an aligned table while they run, and a Markdown one at the end.

use crate::report::{figure, float};
use crate::runner::Measured;

const HEADINGS: [&str; 15] = [
    "clients", "requests", "req/s", "res/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors",
    "bytes", "entries", "CPU s", "µs/req", "gen µs", "peak MB",
];

pub fn print_heading() {
    print_line("search", &HEADINGS.map(str::to_owned));
}

pub fn print_row(row: &Measured) {
    print_line(row.workload, &figures(row));
    for (reason, times) in &row.tally.errors {
        println!("{:<20} {times} × {reason}", "");
    }
    if let Some(pages) = &row.pages {
        println!(
            "{:<20} p50 of the first tenth of the pages {:.2} ms, of the last {:.2} ms",
            "",
            millis(pages.first_micros),
            millis(pages.last_micros),
        );
    }
}

pub fn print_markdown(rows: &[Measured]) {
    println!("\n| Search | {} |", HEADINGS.join(" | "));
    println!("|---|{}", "---|".repeat(HEADINGS.len()));
    for row in rows {
        println!("| {} | {} |", row.workload, figures(row).join(" | "));
    }
    let mut with_pages = rows
        .iter()
        .filter_map(|row| Some((row, row.pages.as_ref()?)))
        .peekable();
    if with_pages.peek().is_some() {
        println!("\n| Pages of | clients | first tenth p50 ms | last tenth p50 ms |");
        println!("|---|---|---|---|");
    }
    for (row, pages) in with_pages {
        println!(
            "| {} | {} | {:.2} | {:.2} |",
            row.workload,
            row.clients,
            millis(pages.first_micros),
            millis(pages.last_micros),
        );
    }
}

fn print_line(name: &str, cells: &[String]) {
    let cells: String = cells.iter().map(|cell| format!(" {cell:>8}")).collect();
    println!("{name:<20}{cells}");
}

fn figures(row: &Measured) -> [String; HEADINGS.len()] {
    let latencies = &row.tally.latencies;
    let count = latencies.count();
    let mean = |sum: u64| float(sum) / float(count.max(1));
    let at = |permille| format!("{:.2}", millis(latencies.permille_micros(permille)));
    [
        row.clients.to_string(),
        count.to_string(),
        format!("{:.0}", row.per_second()),
        format!("{:.0}", float(row.tally.resources) / row.seconds),
        at(500),
        at(950),
        at(990),
        format!("{:.2}", millis(latencies.max_micros())),
        row.tally.error_count().to_string(),
        format!("{:.0}", mean(row.tally.body_bytes)),
        format!("{:.1}", mean(row.tally.resources)),
        figure(row.server_cpu),
        figure(row.micros_per_request(row.server_cpu)),
        figure(row.micros_per_request(row.generator_cpu)),
        figure(row.peak_kib.map(|kib| kib / 1_024.0)),
    ]
}

fn millis(micros: u64) -> f64 {
    float(micros) / 1_000.0
}
