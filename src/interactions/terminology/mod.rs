//! Terminology as a service.

mod source;
