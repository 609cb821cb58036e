//! Fuzz targets on the stable toolchain: seeds are changed at random, and nothing may panic (IN-26).
//!
//! A short burst each by default, always the same; `FASCICOLO_FUZZ_SECONDS` makes it longer and
//! `FASCICOLO_FUZZ_SEED` another one: the seed is printed, and repeats the run. Seeds are the small
//! files of `tests/data/fuzz` and, where they are present, official documents and examples. An input
//! that fails is kept beside the other output of the build; put into the folder of its target it is
//! replayed by every run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::arithmetic_side_effects
)]

mod documents;
mod languages;
mod mutate;
mod resources;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

use mutate::Random;

/// How long one input may take in a release build.
const LONGEST: Duration = Duration::from_millis(250);

/// Runs a target over its seeds as they are, then over changed ones until the time is up.
fn burst(name: &str, seeds: &[Vec<u8>], target: impl Fn(&[u8])) {
    burst_of(name, seeds, LONGEST, |bytes| bytes.to_vec(), target);
}

/// The same for a target whose input is made of the changed bytes, and which may take longer.
fn burst_of(
    name: &str,
    seeds: &[Vec<u8>],
    longest: Duration,
    make: impl Fn(&[u8]) -> Vec<u8>,
    target: impl Fn(&[u8]),
) {
    count_panics();
    let seconds = setting("FASCICOLO_FUZZ_SECONDS").unwrap_or(1.5);
    let seed = setting("FASCICOLO_FUZZ_SEED").unwrap_or(2026);
    eprintln!("{name}: FASCICOLO_FUZZ_SEED={seed}");
    let run = |bytes: &[u8]| {
        let input = make(bytes);
        let _kept = KeptOnPanic(name, &input);
        let before = PANICS.get();
        let mut took = timed(|| target(&input));
        // Once more: the machine may have been busy with something else.
        if took > longest && !cfg!(debug_assertions) {
            took = took.min(timed(|| target(&input)));
            assert!(took <= longest, "{name}: an input took {took:?}");
        }
        // A panic that was caught is a panic all the same.
        assert_eq!(PANICS.get(), before, "{name}: something panicked");
        took
    };
    let mut slowest = Duration::ZERO;
    for seed in seeds {
        slowest = slowest.max(run(seed));
    }
    let mut random = Random::new(seed);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut runs = 0u64;
    while Instant::now() < end {
        slowest = slowest.max(run(&random.changed(seeds)));
        runs += 1;
    }
    eprintln!("{name}: {runs} inputs, the slowest in {slowest:?}");
    assert!(runs > 0);
}

fn timed(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

thread_local! {
    /// Panics of this thread, caught ones as well.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            usual(info);
        }));
    });
}

/// Writes the input down when it makes the target panic.
struct KeptOnPanic<'a>(&'a str, &'a [u8]);

impl Drop for KeptOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let name = format!("fuzz-{}.input", self.0.replace(' ', "-"));
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            if std::fs::write(&path, self.1).is_ok() {
                eprintln!("the input is kept in {}", path.display());
            }
        }
    }
}

/// The seeds of a target, in the order of their names.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz");
    let seeds = files(&path.join(target));
    assert!(!seeds.is_empty(), "no seeds in tests/data/fuzz/{target}");
    seeds
}

/// The files of a shared folder, where it is present, up to a size.
fn shared(folder: &str, largest: usize) -> Vec<Vec<u8>> {
    let mut seeds = support::shared(folder)
        .map(|path| files(&path))
        .unwrap_or_default();
    seeds.retain(|seed| seed.len() <= largest);
    seeds
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = paths.iter().filter_map(|path| std::fs::read(path).ok());
    read.collect()
}
