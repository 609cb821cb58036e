//! Fuzz targets on the stable toolchain: seeds are changed at random, and nothing may panic.
//!
//! A short burst each by default, always the same; `FASCICOLO_FUZZ_SECONDS` makes it longer and
//! `FASCICOLO_FUZZ_SEED` another one: the seed is printed, and repeats the run. Seeds are small texts of our own and, where they are present,
//! the official documents and examples.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod mutate;
mod targets;

use std::time::{Duration, Instant};

use mutate::Random;

/// Runs a target over its seeds as they are, then over changed ones until the time is up.
fn burst(name: &str, seeds: &[Vec<u8>], target: impl Fn(&[u8])) {
    let seconds = std::env::var("FASCICOLO_FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1.5);
    let seed = std::env::var("FASCICOLO_FUZZ_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2026);
    eprintln!("{name}: FASCICOLO_FUZZ_SEED={seed}");
    for seed in seeds {
        target(seed);
    }
    let mut random = Random::new(seed);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut runs = 0u64;
    while Instant::now() < end {
        target(&random.changed(seeds));
        runs += 1;
    }
    eprintln!("{name}: {runs} inputs");
    assert!(runs > 0);
}
