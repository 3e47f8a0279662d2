//! Writes the source of `examples/moonlanding`: two Firestore projects, Friday and MyWorkReview, whose users are in part the
//! same people, and beside them what a migration must make of it. The same options give the same bytes.
//!
//! At scale 1 Friday has 180,000 documents (36,000 requests for information, 30,000 questions, 40,000 activities of requests
//! and 10,000 of engagements, 22,000 chat messages, 18,000 sections, 9,000 engagements, 6,000 clients, 4,000 e-mails, 3,000
//! users, 60 teams, and 1,940 that are looked up or go nowhere) and MyWorkReview 50,000 (11,000 reviews, which hold some
//! 40,000 highlights, 6,000 removed highlights, 8,000 checklists, 6,000 chat messages, 6,000 changes of permissions, 5,000
//! e-mails, 6,900 logs, 1,000 users, 40 teams, and 60 others).
//!
//! Of each ten parents seven have few children, two some, one many. Fields have the shapes that years of releases left:
//! instants as timestamps, numbers or texts, references as ids, maps or references, and whatever is optional is missing in
//! one document of ten and null in another. Only with dirt there is something wrong; it is listed in `planted.jsonl`.

mod dirt;
mod engagements;
mod entity;
mod expected;
mod export;
mod friday;
mod highlights;
mod json;
mod log;
mod made;
mod moment;
mod mwr;
mod people;
mod requests;
mod reviews;
mod size;
mod value;
mod words;
mod world;
mod written;

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use serde_json::json;

pub use dirt::Dirt;
use expected::Expected;
use export::Export;
use export::Layout;
use people::System;
use value::Store;
use world::World;
use written::Written;
use written::counts;

/// Output files of one kind of document in an export.
const SHARDS: usize = 12;
/// Documents of one page of the REST API.
const PAGE_DOCUMENTS: u64 = 300;

/// What to write.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many times 230,000 documents.
    pub scale: f64,
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// The share of MyWorkReview's users who are users of Friday, too.
    pub overlap: f64,
    /// Documents with dirt, in a hundred of the collections that have it.
    pub dirt: f64,
    /// The form of the source.
    pub format: Format,
}

impl Default for Options {
    fn default() -> Self {
        Self { scale: 1.0, seed: 1, overlap: 0.12, dirt: 0.0, format: Format::Export }
    }
}

/// The form of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Managed exports: Friday's of all kinds together, MyWorkReview's with a folder for each
    Export,
    /// A file of node-firestore-import-export for each project
    Json,
    /// Pages as Firestore's REST API gives them, in a folder for each project
    Rest,
}

/// A kind of dirt in a collection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planted {
    /// Its path, with `*` for documents in it.
    pub collection: String,
    /// What is wrong.
    pub dirt: Dirt,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Documents by collection, as a manifest names it.
    pub documents: BTreeMap<String, u64>,
    /// Documents that have a field, by collection.
    pub fields: BTreeMap<String, BTreeMap<String, u64>>,
    /// Documents with dirt.
    pub planted: BTreeMap<Planted, u64>,
    /// Dead letters by code.
    pub dead: BTreeMap<&'static str, u64>,
    /// References that find nobody, by collection and field.
    pub nulled: BTreeMap<String, u64>,
    /// People who are there more than once.
    pub groups: u64,
    /// Users who are merged into another one.
    pub merged: u64,
    /// Rows that a merge makes equal to one before, by table.
    pub collisions: BTreeMap<&'static str, u64>,
    /// Rows that the target must have, by table.
    pub rows: BTreeMap<&'static str, u64>,
}

impl Summary {
    /// Returns how many documents there are in a project.
    pub fn total(&self) -> u64 {
        self.documents.values().sum()
    }
}

/// Writes `friday` and `mwr`, `planted.jsonl` and the folder `expected` into a folder, which is created; those of an earlier
/// call are replaced.
pub fn moonlanding(dir: &Path, options: Options) -> io::Result<Summary> {
    fs::create_dir_all(dir)?;
    let world = World::new(options);
    let mut expected = Expected::create(&dir.join("expected"))?;
    let mut planted = BufWriter::new(File::create(dir.join("planted.jsonl"))?);
    let mut summary = Summary::default();
    for system in [System::Friday, System::Mwr] {
        let store = store(dir, &world, system)?;
        let mut out = Written {
            world: &world,
            system,
            store,
            expected: &mut expected,
            planted: &mut planted,
            summary: &mut summary,
        };
        match system {
            System::Friday => friday::write(&mut out)?,
            System::Mwr => mwr::write(&mut out)?,
        }
        out.store.finish()?;
    }
    planted.flush()?;
    summary.rows = expected.rows.clone();
    let fields: serde_json::Map<_, _> =
        summary.fields.iter().map(|(collection, fields)| (collection.clone(), counts(fields))).collect();
    expected.finish(&json!({
        "documents": counts(&summary.documents),
        "rows": counts(&summary.rows),
        "merged": { "groups": summary.groups, "users": summary.merged },
        "collisions": counts(&summary.collisions),
        "dead": counts(&summary.dead),
        "nulled": counts(&summary.nulled),
        "fields": fields,
    }))?;
    Ok(summary)
}

fn store(dir: &Path, world: &World, system: System) -> io::Result<Box<dyn Store>> {
    let (documents, layout) = match system {
        System::Friday => (world.size.friday(), Layout::AllKinds),
        System::Mwr => (world.size.mwr(), Layout::PerKind),
    };
    let name = system.source();
    let project = system.project();
    Ok(match world.options.format {
        Format::Export => {
            let shard_documents = documents.div_ceil(SHARDS) as u64;
            Box::new(Export::create(&dir.join(name), project, layout, shard_documents)?)
        }
        Format::Json => Box::new(json::Nested::create(&dir.join(format!("{name}.json")))?),
        Format::Rest => Box::new(json::Pages::create(&dir.join(name), project, PAGE_DOCUMENTS)?),
    })
}
