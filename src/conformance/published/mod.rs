//! Published cases that need no server: what goes in, and what another implementation makes of it.

pub mod fhirpath;
pub mod validator;
