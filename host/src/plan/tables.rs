//! The tables of a manifest, as a user writes them, and their JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::Budget;
use super::IdStrategy;
use super::OnCollision;
use super::OnConflict;
use super::OnMissing;
use super::checks::CheckTable;
use super::junction::OnDifference;
use super::junction::OnMissingParent;
use super::plugin_table::PluginTable;
use super::swap::OnPluginFailure;

/// The top level of a manifest.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "whimbrel manifest")]
pub struct Tables {
    /// The version of this format: 1.
    #[schemars(
        extend("const" = 1, "x-hint" = "a manifest of another version needs another whimbrel; say `version = 1`"),
        example = 1
    )]
    pub version: u32,
    /// The migration's identity in the target.
    #[schemars(length(min = 1, max = 200), example = &"crm")]
    pub name: String,
    /// What computed ids hang on; the name where it is left out. Manifests may share one.
    pub namespace: Option<String>,
    /// The folder with the components; `plugins` beside the manifest where it is left out.
    pub plugins: Option<String>,
    /// Dead letters that the whole run bears: a number, or a percentage such as `0.1%`; unlimited where it is left
    /// out, for every entity has its own limit.
    pub dead_letters_max: Option<DeadLettersMax>,
    /// Where records come from.
    #[schemars(example = &"[source.crm]")]
    pub source: BTreeMap<String, SourceTable>,
    /// Where rows go.
    #[schemars(example = &"[target]")]
    pub target: TargetTable,
    /// Limits and grants of single components.
    #[serde(default)]
    pub plugin: BTreeMap<String, PluginTable>,
    /// What holds for every entity that does not say otherwise.
    #[serde(default)]
    pub defaults: Settings,
    /// Tables whose rows come out of the records of several entities; a final step writes them.
    #[serde(default)]
    pub junction: BTreeMap<String, JunctionTable>,
    /// What is moved.
    #[schemars(length(min = 1), example = &"[[entity]]")]
    pub entity: Vec<EntityTable>,
    /// The variables that the URLs were made of, each with the pointer of such a URL.
    #[serde(skip)]
    #[schemars(skip)]
    pub url_variables: BTreeMap<String, String>,
}

/// One source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SourceTable {
    /// Such as `mongodump:./dump/crm`, `mongoexport:./export` or `firestore-export:./backup`; `${NAME:-default}` takes an environment variable.
    #[schemars(example = &"mongodump:./dump/crm")]
    pub url: String,
    /// What becomes of corrupt bytes of a managed export: `stop` where it is left out.
    pub on_corrupt: Option<OnCorrupt>,
}

/// What becomes of bytes of a source that are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnCorrupt {
    /// The run stops there.
    Stop,
    /// What is lost becomes a dead letter of every entity that reads the file, and reading goes on at the next block.
    Skip,
}

/// The target.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TargetTable {
    /// Such as `sqlite:./crm.db` or `postgres://user@host/database`; `${NAME:-default}` takes an environment variable.
    #[schemars(example = &"sqlite:./crm.db")]
    pub url: String,
    /// A file of SQL statements, run once when the tables it makes are missing; or one for each kind of target.
    pub schema: Option<SchemaFile>,
}

/// Where the statements are that make the target's tables.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SchemaFile {
    /// One file, whatever the target is.
    One(#[schemars(length(min = 1), example = &"schema.sql")] String),
    /// A file by kind of target: the part of its URL before the colon.
    ByKind(SchemaByKind),
}

/// A schema file for each kind of target that the manifest is for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaByKind {
    /// For PostgreSQL.
    pub postgres: Option<String>,
    /// For SQLite.
    pub sqlite: Option<String>,
}

/// What can be said for one entity or, under `[defaults]`, for all.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// The transformer.
    pub transform: Option<String>,
    /// The validators, in order.
    pub validate: Option<Vec<ValidateTable>>,
    /// How references to the entity resolve; `uuid-v5` where it is left out.
    pub id: Option<IdStrategy>,
    /// Records in one plugin call; 1,000 where it is left out.
    #[schemars(range(min = 1, max = 100_000))]
    pub batch_records: Option<usize>,
    /// Rows in one commit, about; 5,000 where it is left out.
    #[schemars(range(min = 1, max = 100_000))]
    pub transaction_rows: Option<usize>,
    /// What happens to a row whose key stands in the target already; `fail` where it is left out.
    pub on_conflict: Option<OnConflict>,
    /// What happens to a row that a merge has made the same as another one, where they are not equal; `dead-letter` where
    /// it is left out.
    pub on_collision: Option<OnCollision>,
    /// What happens to a reference without a parent where `references` does not say: `null` holds for columns that may
    /// be NULL, and the record becomes a dead letter for the others; `dead-letter` where it is left out.
    pub on_missing: Option<OnMissing>,
    /// Dead letters that are borne: a number, or a percentage such as `0.1%`; 0 where it is left out.
    pub dead_letters_max: Option<DeadLettersMax>,
    /// Records that may wait for a parent at a time; 100,000 where it is left out.
    pub parked_max: Option<u64>,
    /// What happens where a component rejects too much, misses its deadline or goes over a limit; where it is left out,
    /// the entity is held on a terminal, and the run fails without one.
    pub on_plugin_failure: Option<OnPluginFailure>,
}

/// One entity.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub struct EntityTable {
    /// Its name, unique in the manifest.
    #[schemars(length(min = 1, max = 200), example = &"users")]
    pub name: String,
    /// What is read: `source.Collection`; or the entities whose records are merged, the ones of the highest priority first.
    #[schemars(example = &"crm.Users")]
    pub from: From,
    /// The merger, where records of other entities are merged.
    #[schemars(length(min = 1), example = &"user-dedup")]
    pub merge: Option<String>,
    /// The field, or fields, that make the record's key; `_id` where it is left out.
    pub key: Option<KeyFields>,
    /// Which rows of a table are read: a condition in the source's SQL, in which `:now` is the migration's first run.
    #[serde(rename = "where")]
    #[schemars(length(min = 1), example = &"created_at >= :now - interval '30 days'")]
    pub filter: Option<String>,
    /// The tables that get rows; the transformer says where it is left out.
    #[schemars(length(min = 1), extend("x-hint" = "leave `into` out where the transformer says which tables it feeds"))]
    pub into: Option<Vec<String>>,
    /// Policies of single reference columns.
    #[serde(default)]
    pub references: BTreeMap<String, ReferenceTable>,
    /// Tables that may stay without rows.
    #[serde(default)]
    pub allow_empty: Vec<String>,
    /// What `whimbrel validate` looks at closely.
    #[serde(default)]
    pub check: CheckTable,
    /// For the transformer; whimbrel does not look inside.
    #[serde(default)]
    #[schemars(schema_with = "any_object")]
    pub config: Json,
    /// What differs from `[defaults]`.
    #[serde(flatten)]
    pub settings: Settings,
}

/// Where an entity's records come from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum From {
    /// A collection, or a table, of a source.
    Collection(#[schemars(regex(pattern = r"^[^.]+\..+$"), extend("x-form" = "`source.Collection`"))] String),
    /// Entities whose records are merged.
    Entities(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
}

/// One field or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum KeyFields {
    /// One.
    One(#[schemars(length(min = 1))] String),
    /// Several: a composite key.
    Several(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
}

/// How many dead letters are borne, as written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum DeadLettersMax {
    /// So many.
    Count(u64),
    /// A number or a percentage.
    Text(
        #[schemars(
            regex(pattern = r"^\s*([0-9]{1,18}|(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)\s*%)\s*$"),
            extend("x-form" = "a number, or a percentage from `0%` to `100%`")
        )]
        String,
    ),
}

impl DeadLettersMax {
    /// Returns the budget, or `None` for text that the schema would have refused.
    pub fn budget(&self) -> Option<Budget> {
        match self {
            Self::Count(count) => Some(Budget::Count(*count)),
            Self::Text(text) => Budget::parse(text),
        }
    }
}

/// The policy of one reference column.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReferenceTable {
    /// What happens where there is no parent; where it is left out `dead-letter`, or `null` where the parent may come
    /// later and the column may be NULL.
    #[schemars(example = &"null")]
    pub on_missing: OnMissing,
}

/// One junction.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct JunctionTable {
    /// What happens to a row that lacks a parent; `drop` where it is left out.
    pub on_missing: OnMissingParent,
    /// What happens to a row that differs in further columns from the first one of its key; `keep-first` where it is left
    /// out.
    pub on_difference: OnDifference,
    /// Whether it may stay without rows.
    pub allow_empty: bool,
}

/// One validator.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ValidateTable {
    /// By name alone.
    Name(String),
    /// With a configuration.
    Configured(ConfiguredValidator),
}

/// A validator and its configuration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfiguredValidator {
    /// The component's name.
    #[schemars(example = &"timestamps-utc")]
    pub plugin: String,
    /// For the validator; whimbrel does not look inside.
    #[serde(default)]
    #[schemars(schema_with = "any_object")]
    pub config: Json,
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object" })
}

impl ValidateTable {
    /// Returns the component's name and its configuration as JSON text.
    pub fn parts(&self) -> (&str, String) {
        match self {
            Self::Name(name) => (name, "{}".to_owned()),
            Self::Configured(table) => (&table.plugin, config_text(&table.config)),
        }
    }
}

impl TargetTable {
    /// Returns the schema file for the target that the URL names, and where the manifest says it.
    pub fn schema_file(&self) -> Option<(&str, &'static str)> {
        let files = match self.schema.as_ref()? {
            SchemaFile::One(file) => return Some((file, "/target/schema")),
            SchemaFile::ByKind(files) => files,
        };
        let (file, at) = match self.url.split(':').next() {
            Some("postgres" | "postgresql") => (&files.postgres, "/target/schema/postgres"),
            Some("sqlite") => (&files.sqlite, "/target/schema/sqlite"),
            _ => return None,
        };
        file.as_deref().map(|file| (file, at))
    }

    /// Returns the texts that take environment variables, with their places.
    pub(super) fn places(&mut self) -> Vec<(String, &mut String)> {
        let files = match &mut self.schema {
            None => Vec::new(),
            Some(SchemaFile::One(file)) => vec![("/target/schema", Some(file))],
            Some(SchemaFile::ByKind(files)) => vec![
                ("/target/schema/postgres", files.postgres.as_mut()),
                ("/target/schema/sqlite", files.sqlite.as_mut()),
            ],
        };
        let files = files.into_iter().filter_map(|(place, file)| Some((place.to_owned(), file?)));
        std::iter::once(("/target/url".to_owned(), &mut self.url)).chain(files).collect()
    }
}

impl EntityTable {
    /// Returns the fields that make the key of what is read from a source of this URL.
    pub fn key_fields(&self, url: &str) -> Vec<String> {
        match &self.key {
            // Ids of Firestore are unique in one collection only.
            None if url.starts_with("firestore-") => {
                let is_one = self.source_and_collection().1.split('/').all(|part| part != "*");
                vec![if is_one { "__id__" } else { "__path__" }.to_owned()]
            }
            None => vec!["_id".to_owned()],
            Some(KeyFields::One(field)) => vec![field.clone()],
            Some(KeyFields::Several(fields)) => fields.clone(),
        }
    }

    /// Returns the source's name and the collection's; both are empty where the records of other entities are merged.
    pub fn source_and_collection(&self) -> (&str, &str) {
        match &self.from {
            From::Collection(from) => from.split_once('.').unwrap_or((from, "")),
            From::Entities(_) => ("", ""),
        }
    }

    /// Returns the entities whose records are merged.
    pub fn merged(&self) -> Option<&[String]> {
        match &self.from {
            From::Collection(_) => None,
            From::Entities(entities) => Some(entities),
        }
    }

    /// Returns the pointer to where the configuration names something, if it does so once; `index` is the entity's own.
    ///
    /// What a component reads out of its configuration is its own business: a name tells where to look all the same.
    pub fn place_of(&self, index: usize, name: &str) -> String {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        named(&self.config, name, &format!("/entity/{index}/config"), &mut keys, &mut values);
        match (keys.as_slice(), values.as_slice()) {
            ([place], _) | ([], [place]) => place.clone(),
            _ => format!("/entity/{index}/config"),
        }
    }

    /// Returns the transformer's configuration as JSON text.
    pub fn config_text(&self) -> String {
        config_text(&self.config)
    }
}

/// Finds the keys and the texts that are this name, by pointer.
fn named(config: &Json, name: &str, at: &str, keys: &mut Vec<String>, values: &mut Vec<String>) {
    match config {
        Json::Object(table) => {
            for (key, value) in table {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                if key == name {
                    keys.push(at.clone());
                }
                named(value, name, &at, keys, values);
            }
        }
        Json::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                named(value, name, &format!("{at}/{index}"), keys, values);
            }
        }
        Json::String(text) if text == name => values.push(at.to_owned()),
        _ => {}
    }
}

fn config_text(config: &Json) -> String {
    if config.is_null() { "{}".to_owned() } else { config.to_string() }
}

impl Settings {
    /// Returns these settings with the gaps filled from the defaults.
    #[must_use]
    pub fn or(&self, defaults: &Self) -> Self {
        Self {
            transform: self.transform.clone().or_else(|| defaults.transform.clone()),
            validate: self.validate.clone().or_else(|| defaults.validate.clone()),
            id: self.id.or(defaults.id),
            batch_records: self.batch_records.or(defaults.batch_records),
            transaction_rows: self.transaction_rows.or(defaults.transaction_rows),
            on_conflict: self.on_conflict.or(defaults.on_conflict),
            on_collision: self.on_collision.or(defaults.on_collision),
            on_missing: self.on_missing.or(defaults.on_missing),
            dead_letters_max: self.dead_letters_max.clone().or_else(|| defaults.dead_letters_max.clone()),
            parked_max: self.parked_max.or(defaults.parked_max),
            on_plugin_failure: self.on_plugin_failure.or(defaults.on_plugin_failure),
        }
    }

    /// Returns the budget; the schema has checked its form.
    pub fn budget(&self) -> Budget {
        self.dead_letters_max.as_ref().and_then(DeadLettersMax::budget).unwrap_or(Budget::Count(0))
    }
}

impl Tables {
    /// Returns the URL of what an entity is read from; empty where there is no such source.
    pub fn source_url(&self, entity: &EntityTable) -> &str {
        self.source.get(entity.source_and_collection().0).map_or("", |source| &source.url)
    }
}

/// Returns the JSON Schema of the manifest, for editors and for the check.
pub fn schema() -> Json {
    let mut schema = schemars::schema_for!(Tables).to_value();
    // `flatten` leaves the object open; the entity's own keys and the settings are all there is.
    if let Some(entity) = schema.pointer_mut("/$defs/EntityTable").and_then(Json::as_object_mut) {
        entity.insert("additionalProperties".to_owned(), Json::Bool(false));
        entity.remove("unevaluatedProperties");
    }
    schema
}
