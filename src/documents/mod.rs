//! Documents in and out, by whichever door.

pub mod ingest;
mod lineage;
