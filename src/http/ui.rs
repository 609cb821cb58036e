//! The start page, in Italian and English.

use actix_web::{HttpRequest, HttpResponse};

use super::respond;
use super::state::State;

const STYLE: &str = include_str!("ui/style.css");
const ITALIAN: &str = include_str!("ui/start.it.html");
const ENGLISH: &str = include_str!("ui/start.en.html");

/// UI-03: nothing runs, nothing is loaded from elsewhere, nothing frames the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// The page at `/`; `?lang=it|en` wins over `Accept-Language`, Italian over what is neither.
pub fn start_page(state: &State, request: &HttpRequest) -> HttpResponse {
    let page = if wants_english(request) {
        ENGLISH
    } else {
        ITALIAN
    };
    let mode = if state.config.dev {
        "dev"
    } else {
        "production"
    };
    let html = page
        .replace("{{base}}", &escape(&state.node().base))
        .replace("{{mode}}", mode)
        .replace("{{version}}", env!("CARGO_PKG_VERSION"));
    page_builder()
        .content_type("text/html; charset=utf-8")
        .body(html)
}

/// A static file of the pages.
pub fn asset(name: &str) -> HttpResponse {
    match name {
        "style.css" => page_builder()
            .content_type("text/css; charset=utf-8")
            .body(STYLE),
        _ => respond::builder(404).finish(),
    }
}

fn page_builder() -> actix_web::HttpResponseBuilder {
    let mut response = respond::builder(200);
    response.insert_header(("content-security-policy", POLICY));
    response.insert_header(("referrer-policy", "no-referrer"));
    response.insert_header(("cross-origin-opener-policy", "same-origin"));
    response.insert_header(("vary", "Accept-Language"));
    response
}

fn wants_english(request: &HttpRequest) -> bool {
    match request.query_string() {
        "lang=en" => return true,
        "lang=it" => return false,
        _ => {}
    }
    let languages = request
        .headers()
        .get("accept-language")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    languages
        .split(',')
        .map(|range| range.trim().to_ascii_lowercase())
        .find_map(|range| {
            if range.starts_with("it") {
                Some(false)
            } else if range.starts_with("en") {
                Some(true)
            } else {
                None
            }
        })
        .unwrap_or(false)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
