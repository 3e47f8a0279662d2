//! The configuration, checked against the tables that are merged.

use std::collections::BTreeMap;

use serde::Deserialize;
use whimbrel_sdk::MergerSetup;
use whimbrel_sdk::Pointer;
use whimbrel_sdk::Problem;
use whimbrel_sdk::Table;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The column that the same person has the same of.
    pub key: String,
    /// What of an address does not count.
    #[serde(default)]
    pub normalize: Normalize,
    /// Who survives.
    #[serde(default)]
    pub survivor: Survivor,
    /// The column that says which is newest or oldest.
    pub by: Option<String>,
    /// What becomes of single columns; `first` where nothing is said.
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
    /// What values of a source's columns mean: source, column, value, value.
    #[serde(default)]
    pub values: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    /// What becomes of the rows of further tables.
    #[serde(default)]
    pub children: BTreeMap<String, Children>,
}

/// What of an address does not count, beside blanks around it and case.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Normalize {
    /// `ada+news@example.org` is `ada@example.org`.
    pub plus_tags: bool,
    /// Domains in which dots before the `@` do not count.
    pub dots: Vec<String>,
}

/// Who survives; of equal ones the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Survivor {
    /// Who is of the source that the manifest names first.
    #[default]
    Priority,
    /// Who has the latest value in `by`.
    Newest,
    /// Who has the earliest.
    Oldest,
    /// Who has the most values.
    MostComplete,
}

/// Where the value of a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The first that is not empty: the survivor's, then the others' in their order.
    First,
    /// The survivor's, even if it is empty.
    Survivor,
    /// All elements of all arrays, each once.
    Union,
    /// The latest.
    Max,
    /// The earliest.
    Min,
}

/// What becomes of the rows of a further table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Children {
    /// Whose are kept.
    pub keep: Keep,
    /// Columns of which no two rows of one person have the same; the first stays.
    pub unique: Vec<String>,
    /// The column that counts the rows of a person, from 0.
    pub position: Option<String>,
}

/// Whose rows are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Everybody's, the survivor's first.
    #[default]
    All,
    /// The survivor's.
    Survivor,
}

impl Config {
    /// Finds names that nobody has; returns the index of the table of the persons themselves.
    pub fn check(&self, setup: &MergerSetup) -> Result<u32, Vec<Problem>> {
        let mut problems = Vec::new();
        let main = setup.tables.iter().position(|table| table.id.is_some());
        let Some((index, table)) = main.and_then(|index| Some((u32::try_from(index).ok()?, &setup.tables[index])))
        else {
            return Err(vec![Problem::new(Pointer::root(), "expected a table with an id column, found none")]);
        };
        let mut column = |at: Pointer, table: &Table, name: &str| {
            if table.columns.iter().all(|column| column.name != name) {
                problems.push(Problem::new(at, format!("the table `{}` has no column `{name}`", table.name)));
            }
        };
        column(Pointer::root().key("key"), table, &self.key);
        if let Some(by) = &self.by {
            column(Pointer::root().key("by"), table, by);
        }
        for name in self.fields.keys() {
            column(Pointer::root().key("fields").key(name), table, name);
        }
        for (source, columns) in &self.values {
            for name in columns.keys() {
                column(Pointer::root().key("values").key(source).key(name), table, name);
            }
        }
        for (name, children) in &self.children {
            let at = Pointer::root().key("children").key(name);
            if let Some(child) = setup.tables.iter().find(|other| other.name == *name) {
                let unique = children.unique.iter().enumerate();
                unique.for_each(|(place, name)| column(at.clone().key("unique").index(place), child, name));
                children.position.iter().for_each(|name| column(at.clone().key("position"), child, name));
            }
        }
        for name in self.children.keys() {
            let is_there = |other: &Table| other.name == *name && other.name != table.name;
            if !setup.tables.iter().any(is_there) {
                let message = format!("none of the merged entities has further rows for a table `{name}`");
                problems.push(Problem::new(Pointer::root().key("children").key(name), message));
            }
        }
        for (source, columns) in &self.values {
            for name in columns.keys().filter(|name| self.fields.get(*name) == Some(&Field::Union)) {
                let message = format!("`fields.{name}` is `union`, and words in arrays are not translated");
                problems.push(Problem::new(Pointer::root().key("values").key(source).key(name), message));
            }
        }
        for source in self.values.keys().filter(|source| !setup.sources.contains(source)) {
            let message = format!("expected one of `{}`, found `{source}`", setup.sources.join("`, `"));
            problems.push(Problem::new(Pointer::root().key("values").key(source), message));
        }
        match (self.survivor, &self.by) {
            (Survivor::Newest | Survivor::Oldest, None) => {
                let message = "expected `by`, the column that says which is the newest or the oldest";
                problems.push(Problem::new(Pointer::root().key("survivor"), message));
            }
            (Survivor::Priority | Survivor::MostComplete, Some(_)) => {
                let message = "`by` says which is the newest or the oldest, and `survivor` asks for neither";
                problems.push(Problem::new(Pointer::root().key("by"), message));
            }
            _ => {}
        }
        if problems.is_empty() { Ok(index) } else { Err(problems) }
    }
}
