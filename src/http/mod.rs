//! The edge: actix, sockets, headers. No rule of FHIR, FSE or access lives here.

mod body;
mod buckets;
mod download;
mod fhir;
mod gate;
mod halves;
mod lines;
mod negotiate;
mod operations;
mod peers;
mod pool;
mod respond;
mod routes;
mod server;
mod state;
mod ui;
mod wire;
mod writes;

pub use server::{Bound, bind};
