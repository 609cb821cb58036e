//! Resource and profiles in, findings out; never an error.

pub mod shape;
