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
use crate::plugin::Outline;
use crate::plugin::Payload;
use crate::plugin::PluginError;

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
    /// Its sha-256, hexadecimal.
    pub digest: String,
    /// The file's size in bytes.
    pub size: usize,
    /// The interfaces it imports.
    pub imports: Vec<InspectedImport>,
    /// The interfaces it exports.
    pub exports: Vec<String>,
    /// What is known only of a component that loads.
    #[serde(flatten)]
    pub loaded: Option<Loaded>,
}

/// What a component says of itself.
#[derive(Debug, Serialize)]
pub struct Loaded {
    /// `transformer` or `validator`.
    pub world: String,
    /// The version of the contract it was built against.
    pub version: String,
    /// One sentence of its own.
    pub summary: String,
    /// How it wants document bodies: `bson` or `extended-json`.
    pub payload: String,
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
    /// What a host answers it with: `always` something, `empty` until granted, `granted` or else refused, `never` anything.
    pub given: &'static str,
    /// The line under `[plugin.NAME]` that gives the component something there; `null` where there is none.
    pub grant: Option<String>,
}

/// Prints what a component is; of one that cannot be loaded what its file shows, and why it is refused.
pub fn inspect(args: &InspectArgs, json: bool) -> Result<u8, Failure> {
    let path = &args.file;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().replace('_', "-"));
    let unreadable = |source| PluginError::Read { plugin: name.clone(), path: path.clone(), source };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let engine = Engine::new(None)?;
    // Looking at a component must not need a manifest: files may be imported, and there are none.
    let grants = Grants { has_files: true, ..Grants::default() };
    match Component::granted(&engine, &bytes, &name, &Limits::default(), grants) {
        Ok(component) => {
            report::inspection(&Inspection::of(&component), json);
            Ok(DONE)
        }
        Err(error) => {
            let inspection = Inspection::new(&name, Outline::of(&engine, &bytes));
            if !json {
                report::inspection(&inspection, false);
            }
            Err(Failure::from(error).with_report(inspection))
        }
    }
}

impl Inspection {
    /// Returns what a component is, and what its file shows.
    pub fn of(component: &Component) -> Self {
        let about = component.about();
        let loaded = Loaded {
            world: component.world().name().to_owned(),
            version: component.version().to_owned(),
            summary: about.summary.clone(),
            payload: match about.payload {
                Payload::Bson => "bson",
                Payload::ExtendedJson => "extended-json",
            }
            .to_owned(),
            config_schema: serde_json::from_str(&about.config_schema).unwrap_or_default(),
        };
        Self { loaded: Some(loaded), ..Self::new(component.name(), component.outline().clone()) }
    }

    fn new(name: &str, outline: Outline) -> Self {
        let Outline { digest, size, imports, exports } = outline;
        let imports = imports.into_iter().map(inspected).collect();
        Self { name: name.to_owned(), digest, size, imports, exports, loaded: None }
    }
}

fn inspected(import: Import) -> InspectedImport {
    let (given, grant) = match import.given {
        Given::Always => ("always", None),
        Given::Filled(line) => ("empty", Some(line.to_owned())),
        Given::Granted(line) => ("granted", Some(line.to_owned())),
        Given::Never => ("never", None),
    };
    InspectedImport { interface: import.interface, functions: import.functions, given, grant }
}
