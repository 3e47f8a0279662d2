//! `whimbrel plugin inspect`: what a component is, before anybody runs it.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::DONE;
use crate::cli::report;
use crate::error::Failure;
use crate::plugin::Component;
use crate::plugin::Engine;
use crate::plugin::Given;
use crate::plugin::Grants;
use crate::plugin::Import;
use crate::plugin::Limits;
use crate::plugin::Payload;

/// What `inspect` takes.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The component
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

/// What a component is.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// Its name: the file's stem.
    pub name: String,
    /// `transformer` or `validator`.
    pub world: String,
    /// The version of the contract it was built against.
    pub version: String,
    /// Its sha-256, hexadecimal.
    pub digest: String,
    /// The file's size in bytes.
    pub size: usize,
    /// One sentence of its own.
    pub summary: String,
    /// How it wants document bodies: `bson` or `extended-json`.
    pub payload: String,
    /// The interfaces it imports.
    pub imports: Vec<InspectedImport>,
    /// The JSON Schema of its configuration.
    pub config_schema: serde_json::Value,
}

/// One interface that a component imports.
#[derive(Debug, Serialize)]
pub struct InspectedImport {
    /// Its name with its version.
    pub interface: String,
    /// The functions that it imports of it; none where it only needs its types.
    pub functions: Vec<String>,
    /// The line under `[plugin.NAME]` that gives the component something there; `null` where none is needed.
    pub grant: Option<String>,
}

/// Prints what a component is.
pub fn inspect(args: &InspectArgs, json: bool) -> Result<u8, Failure> {
    let name = args.file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().replace('_', "-"));
    // Looking at a component must not need a manifest: files may be imported, and there are none.
    let grants = Grants { has_files: true, ..Grants::default() };
    let component = Component::load_granted(&Engine::new(None)?, &args.file, &name, &Limits::default(), grants)?;
    report::inspection(&Inspection::of(&component), json);
    Ok(DONE)
}

impl Inspection {
    /// Returns what a component is.
    pub fn of(component: &Component) -> Self {
        let about = component.about();
        Self {
            name: component.name().to_owned(),
            world: component.world().name().to_owned(),
            version: component.version().to_owned(),
            digest: component.digest().to_owned(),
            size: component.size(),
            summary: about.summary.clone(),
            payload: match about.payload {
                Payload::Bson => "bson",
                Payload::ExtendedJson => "extended-json",
            }
            .to_owned(),
            imports: component.imports().iter().map(inspected).collect(),
            config_schema: serde_json::from_str(&about.config_schema).unwrap_or_default(),
        }
    }
}

fn inspected(import: &Import) -> InspectedImport {
    let grant = match import.given {
        Given::Filled(line) | Given::Granted(line) => Some(line.to_owned()),
        Given::Always | Given::Never => None,
    };
    InspectedImport { interface: import.interface.clone(), functions: import.functions.clone(), grant }
}
