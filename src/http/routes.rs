//! The routes, each with the access it demands (GATE-03).
//!
//! The list of public routes is exactly the one below; everything else needs credentials, which in
//! development mode nobody has to show.

use actix_web::http::Method;

use crate::config::FHIR_PATH;

/// What a request must show to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    Authenticated,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    StartPage,
    Asset(&'static str),
    Live,
    Ready,
    Metrics,
    Metadata,
    /// The rest of the path below the FHIR base.
    Fhir(String),
    /// The benchmark's body from memory; only where it was switched on.
    BenchMem,
    Unknown,
}

impl Route {
    /// Finds the route of a path.
    pub fn find(method: &Method, path: &str) -> (Self, Access) {
        match path {
            "/" => return (Route::StartPage, Access::Public),
            "/style.css" => return (Route::Asset("style.css"), Access::Public),
            "/health/live" => return (Route::Live, Access::Public),
            "/health/ready" => return (Route::Ready, Access::Public),
            "/metrics" => return (Route::Metrics, Access::Authenticated),
            _ => {}
        }
        if path.starts_with("/bench/mem/") {
            return (Route::BenchMem, Access::Authenticated);
        }
        let Some(rest) = path.strip_prefix(FHIR_PATH) else {
            return (Route::Unknown, Access::Authenticated);
        };
        match rest {
            "/metadata" if *method == Method::GET || *method == Method::HEAD => {
                (Route::Metadata, Access::Public)
            }
            "" => (Route::Fhir(String::new()), Access::Authenticated),
            rest if rest.starts_with('/') => (
                Route::Fhir(rest.trim_matches('/').to_owned()),
                Access::Authenticated,
            ),
            _ => (Route::Unknown, Access::Authenticated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, path: &str, expected: Route, access: Access) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(
            Route::find(&method, path),
            (expected, access),
            "{method} {path}"
        );
    }

    #[test]
    fn gate_03_only_these_are_public() {
        check("GET", "/", Route::StartPage, Access::Public);
        check("GET", "/health/live", Route::Live, Access::Public);
        check("GET", "/health/ready", Route::Ready, Access::Public);
        check("GET", "/fhir/metadata", Route::Metadata, Access::Public);
        check(
            "POST",
            "/fhir/metadata",
            Route::Fhir("metadata".into()),
            Access::Authenticated,
        );
        check("GET", "/metrics", Route::Metrics, Access::Authenticated);
        check(
            "GET",
            "/fhir/Patient/1",
            Route::Fhir("Patient/1".into()),
            Access::Authenticated,
        );
        check(
            "POST",
            "/fhir",
            Route::Fhir(String::new()),
            Access::Authenticated,
        );
        check("GET", "/fhirx", Route::Unknown, Access::Authenticated);
    }
}
