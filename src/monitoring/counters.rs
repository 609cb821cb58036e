//! Counters of this process in the Prometheus text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS: [u64; 12] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000,
];

/// What kind of request was answered: one label of low cardinality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Read,
    Search,
    Write,
    Bundle,
    Other,
}

const CLASSES: [(Class, &str); 5] = [
    (Class::Read, "read"),
    (Class::Search, "search"),
    (Class::Write, "write"),
    (Class::Bundle, "bundle"),
    (Class::Other, "other"),
];

/// Counters of one class.
#[derive(Debug, Default)]
struct Series {
    /// By hundreds of the status: 1xx to 5xx.
    by_status: [AtomicU64; 6],
    buckets: [AtomicU64; 13],
    micros: AtomicU64,
}

/// All counters of the process.
#[derive(Debug, Default)]
pub struct Counters {
    series: [Series; 5],
    /// Answers 429 and 503: sent away unheard.
    refused: [AtomicU64; 2],
}

/// Statuses of those who are sent away: they ask too much, or the server has too much to do.
const REFUSALS: [u16; 2] = [429, 503];

impl Counters {
    /// Counts one answered request.
    pub fn count(&self, class: Class, status: u16, took: Duration) {
        let Some(series) = CLASSES
            .iter()
            .position(|(found, _)| *found == class)
            .and_then(|index| self.series.get(index))
        else {
            return;
        };
        let refusal = REFUSALS.iter().position(|refusal| *refusal == status);
        if let Some(counter) = refusal.and_then(|index| self.refused.get(index)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let hundreds = usize::from(status / 100);
        if let Some(counter) = series.by_status.get(hundreds) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS
            .iter()
            .position(|bound| micros <= *bound)
            .unwrap_or(BUCKETS.len());
        if let Some(counter) = series.buckets.get(bucket) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        series.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The counters as Prometheus reads them; `damage`: how often the database met damaged bytes.
    pub fn text(&self, damage: u64) -> String {
        let mut out = String::from(
            "# HELP fascicolo_requests_total Requests answered.\n# TYPE fascicolo_requests_total counter\n",
        );
        for ((_, name), series) in CLASSES.iter().zip(&self.series) {
            for (hundreds, counter) in series.by_status.iter().enumerate().skip(1) {
                let value = counter.load(Ordering::Relaxed);
                let _ = writeln!(
                    out,
                    "fascicolo_requests_total{{class=\"{name}\",status=\"{hundreds}xx\"}} {value}"
                );
            }
        }
        out.push_str("# HELP fascicolo_refused_total Requests sent away: 429 for asking too much, 503 for want of room or of the database.\n# TYPE fascicolo_refused_total counter\n");
        for (status, counter) in REFUSALS.iter().zip(&self.refused) {
            let value = counter.load(Ordering::Relaxed);
            let _ = writeln!(
                out,
                "fascicolo_refused_total{{status=\"{status}\"}} {value}"
            );
        }
        out.push_str("# HELP fascicolo_request_seconds Time to answer.\n# TYPE fascicolo_request_seconds histogram\n");
        for ((_, name), series) in CLASSES.iter().zip(&self.series) {
            let mut sum = 0u64;
            for (index, counter) in series.buckets.iter().enumerate() {
                sum = sum.saturating_add(counter.load(Ordering::Relaxed));
                let bound = BUCKETS
                    .get(index)
                    .map_or_else(|| "+Inf".to_owned(), |micros| seconds(*micros));
                let _ = writeln!(
                    out,
                    "fascicolo_request_seconds_bucket{{class=\"{name}\",le=\"{bound}\"}} {sum}"
                );
            }
            let micros = series.micros.load(Ordering::Relaxed);
            let _ = writeln!(
                out,
                "fascicolo_request_seconds_sum{{class=\"{name}\"}} {}",
                seconds(micros)
            );
            let _ = writeln!(
                out,
                "fascicolo_request_seconds_count{{class=\"{name}\"}} {sum}"
            );
        }
        let _ = writeln!(
            out,
            "# HELP fascicolo_damage_total Reads that met damaged bytes, which were not served.\n\
             # TYPE fascicolo_damage_total counter\nfascicolo_damage_total {damage}"
        );
        out
    }
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up() {
        let counters = Counters::default();
        counters.count(Class::Read, 200, Duration::from_micros(90));
        counters.count(Class::Read, 404, Duration::from_secs(9));
        let text = counters.text(7);
        assert!(text.contains("fascicolo_requests_total{class=\"read\",status=\"2xx\"} 1"));
        assert!(text.contains("fascicolo_requests_total{class=\"read\",status=\"4xx\"} 1"));
        assert!(text.contains("fascicolo_request_seconds_bucket{class=\"read\",le=\"+Inf\"} 2"));
        assert!(text.contains("le=\"0.000100\"} 1"));
        assert!(text.contains("fascicolo_refused_total{status=\"429\"} 0"));
        counters.count(Class::Other, 429, Duration::ZERO);
        counters.count(Class::Search, 503, Duration::ZERO);
        let text = counters.text(7);
        assert!(text.contains("fascicolo_refused_total{status=\"429\"} 1"));
        assert!(text.contains("fascicolo_refused_total{status=\"503\"} 1"));
        assert!(text.ends_with("\nfascicolo_damage_total 7\n"));
    }
}
