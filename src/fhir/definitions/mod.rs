//! The registry of everything that is defined: types, search parameters, compartments, operations.

pub mod abbreviation;
pub mod compartment;
mod compile;
pub mod library;
mod registry;
pub mod schema;
pub mod search_parameter;

pub use compartment::Compartment;
pub use registry::Definitions;
pub use search_parameter::{SearchKind, SearchParameter};

#[cfg(test)]
mod tests;
