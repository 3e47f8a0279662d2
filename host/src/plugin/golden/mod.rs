//! Golden cases: a few documents or rows, and what a component is expected to make of them.
//!
//! The form is that of the SDK's `testing`, which runs the same files without WebAssembly: `<name>.input.json` beside
//! `<name>.expected.json`.

mod difference;
mod shown;

use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;

use bson::Bson;
use bson::RawDocumentBuf;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

pub use difference::Difference;
pub use difference::differences;

use super::component::Component;
use super::component::World;
use super::deterministic;
use super::deterministic::DifferenceKind;
use super::error::OpenError;
use super::error::PluginError;
use super::error::Problem;
use super::grants::Pins;
use super::limits::Limits;
use super::row::PluginRow;
use super::transformer::Description;
use super::transformer::Documents;
use super::transformer::Setup;
use super::transformer::Transformer;
use super::validator::Validator;
use super::validator::ValidatorSetup;

const INPUT: &str = ".input.json";
const EXPECTED: &str = ".expected.json";
/// A case gives the same whenever it is run.
const PINS: Pins = Pins { now_us: 0, seed: 0 };

/// Why a case says nothing about the component.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A folder or a file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is not JSON, or not that of a case.
    #[error("`{}` is not in the form of a case", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A document or row that cannot be handed over.
    #[error("`{}`: {place}: {message}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// Which document or row.
        place: String,
        /// Expected, then found.
        message: String,
    },
    /// The component gave nothing.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// One case: its files, and its input.
#[derive(Debug)]
pub struct Case {
    /// The name that its files begin with.
    pub name: String,
    /// The file with its input.
    pub input_path: PathBuf,
    /// The file with what is expected; it need not be there.
    pub expected_path: PathBuf,
    input: Input,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    setup: SetupInput,
    #[serde(default)]
    documents: Vec<Value>,
    #[serde(default)]
    rows: Vec<RowInput>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetupInput {
    entity: String,
    #[serde(default = "record_key")]
    key: Vec<String>,
    #[serde(default)]
    into: Vec<String>,
    #[serde(default)]
    tables: serde_json::Map<String, Value>,
    #[serde(default = "empty_object")]
    config: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowInput {
    table: String,
    row: Value,
}

fn record_key() -> Vec<String> {
    vec!["_id".to_owned()]
}

fn empty_object() -> Value {
    json!({})
}

impl Case {
    /// Reads every case of a folder, by name.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, CaseError> {
        let unreadable = |source| CaseError::Read { path: folder.to_owned(), source };
        let mut cases = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let input_path = entry.map_err(unreadable)?.path();
            let file = input_path.file_name().map(|file| file.to_string_lossy().into_owned());
            if let Some(name) = file.and_then(|file| Some(file.strip_suffix(INPUT)?.to_owned())) {
                let input = read(&input_path)?;
                cases.push(Self { expected_path: folder.join(format!("{name}{EXPECTED}")), name, input_path, input });
            }
        }
        cases.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(cases)
    }

    /// Reads what is expected; `None` where there is no such file.
    pub fn expected(&self) -> Result<Option<Value>, CaseError> {
        if self.expected_path.exists() { read(&self.expected_path).map(Some) } else { Ok(None) }
    }

    /// Returns whether it is for a validator.
    pub fn is_of_rows(&self) -> bool {
        !self.input.rows.is_empty()
    }

    /// Returns one of its documents or rows.
    pub fn record(&self, index: usize) -> Option<&Value> {
        self.input.documents.get(index).or_else(|| self.input.rows.get(index).map(|row| &row.row))
    }

    /// Gives a component the case's configuration.
    pub fn open(&self, component: &Component, limits: &Limits) -> Result<Opened, CaseError> {
        let opened = match component.world() {
            World::Transformer => self.transformer(component, limits)?,
            World::Validator => self.validator(component, limits)?,
            World::Merger => {
                let message = "the cases of a merger are run by its own tests".to_owned();
                return Err(self.wrong("setup", message));
            }
        };
        match opened {
            Ok(opened) => Ok(opened),
            Err(OpenError::Problems(problems)) => Ok(Opened::Refused(problems)),
            Err(OpenError::Plugin(error)) => Err(error.into()),
        }
    }

    fn transformer(&self, component: &Component, limits: &Limits) -> Result<Result<Opened, OpenError>, CaseError> {
        if !self.input.rows.is_empty() {
            return Err(self.wrong("rows", "expected `documents`, for a transformer".to_owned()));
        }
        let mut documents = Batch::default();
        for (index, document) in self.input.documents.iter().enumerate() {
            let bytes = to_bson(document).map_err(|message| self.wrong(&format!("document {index}"), message))?;
            documents.push(&bytes);
        }
        let SetupInput { entity, key, into, config, .. } = &self.input.setup;
        let setup =
            Setup { entity: entity.clone(), key: key.clone(), into: into.clone(), config_json: config.to_string() };
        let opened = Transformer::open(component, setup, limits.clone(), PINS);
        Ok(opened.map(|(transformer, description)| Opened::Transformer { transformer, description, documents }))
    }

    fn validator(&self, component: &Component, limits: &Limits) -> Result<Result<Opened, OpenError>, CaseError> {
        if !self.input.documents.is_empty() {
            return Err(self.wrong("documents", "expected `rows`, for a validator".to_owned()));
        }
        let setup = &self.input.setup;
        let mut rows = Vec::with_capacity(self.input.rows.len());
        for (index, row) in self.input.rows.iter().enumerate() {
            let wrong = |message| self.wrong(&format!("row {index}"), message);
            let table = setup.tables.keys().position(|table| *table == row.table);
            let table = table
                .and_then(|table| u32::try_from(table).ok())
                .ok_or_else(|| wrong(format!("expected a table of `setup.tables`, found `{}`", row.table)))?;
            rows.push(PluginRow { table, body: to_bson(&row.row).map_err(wrong)?.into() });
        }
        let tables = setup.tables.iter().map(|(name, columns)| {
            let columns = columns.as_object().into_iter().flatten();
            let columns = columns.map(|(name, kind)| (name.clone(), kind.as_str().unwrap_or_default().to_owned()));
            (name.clone(), columns.collect())
        });
        let setup = ValidatorSetup {
            entity: setup.entity.clone(),
            tables: tables.collect(),
            config_json: setup.config.to_string(),
        };
        let opened = Validator::open(component, setup, limits.clone(), PINS);
        Ok(opened.map(|validator| Opened::Validator { validator, rows }))
    }

    fn wrong(&self, place: &str, message: String) -> CaseError {
        CaseError::Input { path: self.input_path.clone(), place: place.to_owned(), message }
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, CaseError> {
    let text = std::fs::read_to_string(path).map_err(|source| CaseError::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| CaseError::Form { path: path.to_owned(), source })
}

/// Reads a document in Extended JSON, canonical or relaxed.
fn to_bson(json: &Value) -> Result<Vec<u8>, String> {
    let Value::Object(fields) = json.clone() else { return Err(format!("expected a document, found `{json}`")) };
    let mut document = bson::Document::new();
    for (name, value) in fields {
        document.insert(name, Bson::try_from(value).map_err(|error| error.to_string())?);
    }
    RawDocumentBuf::try_from(&document).map(RawDocumentBuf::into_bytes).map_err(|error| error.to_string())
}

/// Documents one after another.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Batch {
    fn push(&mut self, document: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(document);
        self.ranges.push(start..self.bytes.len());
    }

    fn repeated(&self, times: usize) -> Self {
        let mut repeated = Self::default();
        for range in (0..times).flat_map(|_| &self.ranges) {
            repeated.push(&self.bytes[range.clone()]);
        }
        repeated
    }

    fn documents(&self) -> Documents<'_> {
        Documents { bytes: &self.bytes, ranges: &self.ranges }
    }
}

fn repeated(rows: &[PluginRow], times: usize) -> Vec<PluginRow> {
    (0..times).flat_map(|_| rows.iter().cloned()).collect()
}

/// A case whose configuration the component knows.
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Opened {
    /// Of a transformer.
    Transformer {
        /// The component.
        transformer: Transformer,
        /// What it does.
        description: Description,
        /// What it gets.
        documents: Batch,
    },
    /// Of a validator.
    Validator {
        /// The component.
        validator: Validator,
        /// What it gets.
        rows: Vec<PluginRow>,
    },
    /// The component refuses the configuration.
    Refused(Vec<Problem>),
}

/// A record with two outcomes.
#[derive(Debug)]
pub struct Unsteady {
    /// Index of the document or row.
    pub record: usize,
    /// What was done twice.
    pub kind: DifferenceKind,
    /// What came of it.
    pub before: Value,
    /// What came of it the other time.
    pub after: Value,
}

impl Opened {
    /// Returns how many documents or rows the case has that the component looks at.
    pub fn records(&self) -> usize {
        match self {
            Self::Transformer { documents, .. } => documents.ranges.len(),
            Self::Validator { rows, .. } => rows.len(),
            Self::Refused(_) => 0,
        }
    }

    /// Runs the case. A record that trapped or whose rows are malformed has `fault` for an outcome.
    pub fn found(&self) -> Result<Value, CaseError> {
        Ok(match self {
            Self::Transformer { transformer, description, documents } => {
                let outcomes = transformer.transform_bisecting(documents.documents())?;
                let outcomes = outcomes.iter().map(|outcome| shown::outcome(transformer, description, outcome));
                json!({"description": shown::description(description), "outcomes": outcomes.collect::<Vec<_>>()})
            }
            Self::Validator { validator, rows } => {
                let found = validator.validate_bisecting(rows)?;
                let violations = found.iter().enumerate().flat_map(|(row, found)| shown::violations(row, found));
                json!({"violations": violations.collect::<Vec<_>>()})
            }
            Self::Refused(problems) => json!({"problems": shown::problems(problems)}),
        })
    }

    /// Runs the case in batches of 1 and of all its records, each record twice in it, and all of that twice. Returns the
    /// first record of each kind of difference.
    pub fn unsteady(&self) -> Result<Vec<Unsteady>, CaseError> {
        Ok(match self {
            Self::Transformer { transformer, description, documents } => {
                let found = deterministic::differences(transformer, documents.repeated(2).documents())?;
                let shown = |outcome: &_| shown::outcome(transformer, description, outcome);
                let unsteady = found.iter().map(|found| Unsteady {
                    record: found.document % self.records().max(1),
                    kind: found.kind,
                    before: shown(&found.before),
                    after: shown(&found.after),
                });
                unsteady.collect()
            }
            Self::Validator { validator, rows } => {
                let found = deterministic::validator_differences(validator, &repeated(rows, 2))?;
                let unsteady = found.iter().map(|found| {
                    let row = found.document % self.records().max(1);
                    let shown = |violations: &_| Value::Array(shown::violations(row, violations));
                    Unsteady { record: row, kind: found.kind, before: shown(&found.before), after: shown(&found.after) }
                });
                unsteady.collect()
            }
            Self::Refused(_) => Vec::new(),
        })
    }

    /// Makes a call of the case's records, over and over until there are so many.
    pub fn repeated(self, records_min: usize) -> Self {
        let times = records_min.div_ceil(self.records().max(1));
        match self {
            Self::Transformer { transformer, description, documents } => {
                Self::Transformer { transformer, description, documents: documents.repeated(times) }
            }
            Self::Validator { validator, rows } => Self::Validator { validator, rows: repeated(&rows, times) },
            Self::Refused(problems) => Self::Refused(problems),
        }
    }

    /// Calls the component once, as a run does for a batch, and lets go of what it says.
    pub fn call(&self) -> Result<(), CaseError> {
        match self {
            Self::Transformer { transformer, documents, .. } => drop(transformer.transform(documents.documents())?),
            Self::Validator { validator, rows } => drop(validator.validate(rows)?),
            Self::Refused(_) => {}
        }
        Ok(())
    }
}
