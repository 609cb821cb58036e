//! JSON resources, and the few datatypes that the server itself must understand.

pub mod bundle;
pub mod cutter;
pub mod date;
pub mod element_path;
pub mod json;
pub mod key;
pub mod location;
pub mod primitive;
pub mod value;
