//! The subcommands.

mod admin;
mod conformance;
mod fhirpath;
pub mod generate_definitions;
mod ingest;
mod packages;
mod published;
mod serve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, Flags, LogFormat};
use crate::documents::ingest::PDF_PARSER;
use crate::error::{Error, Result};
use crate::{fse, sandbox};

/// HL7 FHIR R4 server for Italy's Fascicolo Sanitario Elettronico 2.0
#[derive(Parser)]
#[command(name = "fascicolo", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve FHIR over HTTP
    Serve {
        #[command(flatten)]
        flags: Flags,
    },
    /// Show or check the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Bring the database schema up to date
    Migrate {
        #[command(flatten)]
        flags: Flags,
    },
    /// Write a backup of a live database to a new file
    Backup {
        file: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// Bring a backup into an empty database and check that it is whole
    Restore {
        file: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// Check every stored body, document and index row, and list what is damaged
    Fsck {
        /// Make the index anew from the resources first; nobody may be serving meanwhile
        #[arg(long)]
        rebuild_index: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Bring the index up to the definitions, after packages were added
    Reindex {
        #[command(flatten)]
        flags: Flags,
    },
    /// FHIR packages of this deployment
    Packages {
        #[command(subcommand)]
        command: PackagesCommand,
    },
    /// Take in FSE documents: CDA2 as XML, or PDF with the CDA inside
    Ingest {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        flags: Flags,
    },
    /// Suites of tests against a live server
    Conformance {
        #[command(subcommand)]
        command: ConformanceCommand,
    },
    /// Evaluate a FHIRPath expression on a resource in a file
    #[command(name = "fhirpath")]
    FhirPath(fhirpath::Arguments),
    /// Make fhir-profiles/r4.ndjson.zst anew
    #[command(hide = true)]
    GenerateDefinitions {
        package: PathBuf,
        #[arg(long, default_value = "fhir-profiles/r4-corrections.json")]
        corrections: PathBuf,
        #[arg(long, default_value = "fhir-profiles/r4.ndjson.zst")]
        out: PathBuf,
    },
    /// Run one parser over standard input, under limits
    #[command(hide = true, name = "sandbox")]
    Sandbox { parser: String },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Print the effective configuration, secrets masked
    Check {
        #[command(flatten)]
        flags: Flags,
    },
}

#[derive(Subcommand)]
enum ConformanceCommand {
    /// Run FHIR R4 TestScripts against any FHIR server
    #[command(name = "testscript")]
    TestScript(conformance::TestScriptArguments),
    /// Run HL7's published cases for validators against this one
    Validator(published::ValidatorArguments),
    /// Run published cases of FHIRPath: HL7's official ones for R4, or those of fhirpath.js
    #[command(name = "fhirpath")]
    FhirPath {
        /// Folder with tests.json and input, or with cases and resources
        #[arg(long, value_name = "DIR")]
        suite: PathBuf,
    },
}

#[derive(Subcommand)]
enum PackagesCommand {
    /// Add a package: a .tgz or a folder
    Add {
        file: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// List the packages
    List {
        #[command(flatten)]
        flags: Flags,
    },
    /// Check every package against its hash, and read it whole
    Check {
        #[command(flatten)]
        flags: Flags,
    },
}

/// Parsers that run in the sandbox.
const PARSERS: &[sandbox::Parser] = &[(PDF_PARSER, fse::pdf::extract_frame)];

/// Reads the arguments and runs what they say.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if let Command::Sandbox { parser } = &arguments.command {
        return sandbox::child_main(parser, PARSERS);
    }
    match dispatch(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve { flags } => serve::serve(load(&flags)?),
        Command::Config {
            command: ConfigCommand::Check { flags },
        } => {
            let config = load(&flags)?;
            for warning in config.warnings() {
                eprintln!("warning: {warning}");
            }
            print!("{}", config.to_display()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate { flags } => admin::migrate(&load(&flags)?),
        Command::Backup { file, flags } => admin::backup(&load(&flags)?, &file),
        Command::Restore { file, flags } => admin::restore(&load(&flags)?, &file),
        Command::Fsck {
            rebuild_index,
            flags,
        } => admin::fsck(&load(&flags)?, rebuild_index),
        Command::Reindex { flags } => admin::reindex(&load(&flags)?),
        Command::Packages { command } => match command {
            PackagesCommand::Add { file, flags } => packages::add(&load(&flags)?, &file),
            PackagesCommand::List { flags } => packages::list(&load(&flags)?),
            PackagesCommand::Check { flags } => packages::check(&load(&flags)?),
        },
        Command::Ingest { files, flags } => ingest::ingest(&load(&flags)?, &files),
        Command::Conformance {
            command: ConformanceCommand::TestScript(arguments),
        } => conformance::testscript(arguments),
        Command::Conformance {
            command: ConformanceCommand::Validator(arguments),
        } => published::validator(arguments),
        Command::Conformance {
            command: ConformanceCommand::FhirPath { suite },
        } => fhirpath::conformance(&suite),
        Command::FhirPath(arguments) => fhirpath::evaluate(&arguments),
        Command::GenerateDefinitions {
            package,
            corrections,
            out,
        } => {
            generate_definitions::run(&package, &corrections, &out)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Sandbox { .. } => Ok(ExitCode::FAILURE),
    }
}

/// Reads the configuration and starts the log.
fn load(flags: &Flags) -> Result<Config> {
    let config = Config::load(
        flags,
        |name| std::env::var(name).ok(),
        |path: &Path| std::fs::read_to_string(path),
    )?;
    let filter = tracing_subscriber::EnvFilter::new(format!(
        "{level},actix_server=warn,actix_http=warn,mio=warn",
        level = config.log.level
    ));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let started = match config.log.format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|error| Error::internal(format!("the log cannot be started: {error}")))?;
    Ok(config)
}

/// Tells a person what went wrong, with its causes.
fn report(error: &Error) {
    for issue in error.issues() {
        eprintln!("error: {}", issue.diagnostics);
    }
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        eprintln!("  because: {source}");
        cause = source.source();
    }
}
