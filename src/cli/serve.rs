//! `fascicolo serve`.

use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::app::{App, Sources};
use crate::config::Config;
use crate::error::{Error, Result};

/// Serves until SIGTERM or SIGINT.
pub fn serve(config: Config) -> Result<ExitCode> {
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    without_core_dumps();
    let dev = config.dev;
    actix_web::rt::System::new().block_on(async move {
        let app = App::start(config, Sources::default())?;
        announce(&app, dev);
        app.serve(stop_signal()?).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// No image of memory, with keys and data of patients in it, goes to a disk (OPS-07).
fn without_core_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps cannot be switched off");
    }
}

/// What a person needs to begin: the addresses, and one line that does something.
fn announce(app: &App, dev: bool) {
    let (base, address) = (&app.node.base, app.address());
    println!("fascicolo {}", env!("CARGO_PKG_VERSION"));
    if dev {
        println!();
        println!("  DEVELOPMENT MODE: open on this machine, for synthetic data only.");
    }
    println!();
    println!("  FHIR base   {base}");
    println!("  start page  http://{address}/");
    println!();
    if dev {
        println!("  curl -X POST {base}/Patient -H 'Content-Type: application/fhir+json' \\");
        println!(
            "    -d '{{\"resourceType\":\"Patient\",\"name\":[{{\"family\":\"Rossi\",\"given\":[\"Anna\"]}}]}}'"
        );
    } else {
        println!("  curl {base}/metadata");
    }
    println!();
}

/// Ends when the process is asked to stop.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed =
        |error: std::io::Error| Error::internal("signals cannot be received").because(error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
    })
}
