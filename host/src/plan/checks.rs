//! The manifest's `check` of an entity: which columns `whimbrel validate` holds against the source, as a user names them.
//!
//! A column is named `column` or `table.column`; behind a `#` a JSON Pointer leads into its JSON, in which `*` stands for
//! every element of an array and every field of an object.

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::hint;
use super::resolve::DescribedTable;
use super::schema::Finding;
use crate::record::instant;

/// What of an entity's rows is looked at closely.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct CheckTable {
    /// Columns whose numbers are those of the source, bit for bit.
    #[schemars(inner(length(min = 1)))]
    pub coordinates: Vec<String>,
    /// Text columns that hold instants in ISO 8601 and UTC; columns of a timestamp type are looked at unasked.
    pub timestamps: TimestampsTable,
    /// Columns that hold paths of files, and what these look like in the target.
    pub file_paths: Vec<FilePathsTable>,
    /// Text columns that hold JSON; columns of a JSON type are looked at unasked.
    #[schemars(inner(length(min = 1)))]
    pub json_fields: Vec<String>,
}

/// Columns with instants, perhaps with a range.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TimestampsTable {
    /// The columns alone.
    Columns(#[schemars(inner(length(min = 1)))] Vec<String>),
    /// With the range of all the entity's timestamps.
    Ranged(RangedTimestamps),
}

/// Columns with instants, and their range.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RangedTimestamps {
    /// The columns.
    #[schemars(inner(length(min = 1)))]
    pub columns: Vec<String>,
    /// The earliest instant, such as `2000-01-01T00:00:00Z`.
    pub min: Option<String>,
    /// The instant that none reaches.
    pub max: Option<String>,
}

/// Columns with paths, and what these look like.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FilePathsTable {
    /// The columns.
    #[schemars(length(min = 1), inner(length(min = 1)), example = &"[\"path\"]")]
    pub columns: Vec<String>,
    /// A path begins with one of these.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub prefix: Vec<String>,
    /// A path begins with none of these: prefixes of the old system.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub not: Vec<String>,
    /// A regular expression that is found in every path.
    pub pattern: Option<String>,
}

impl Default for TimestampsTable {
    fn default() -> Self {
        Self::Columns(Vec::new())
    }
}

impl TimestampsTable {
    /// Returns the columns.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Columns(columns) => columns,
            Self::Ranged(ranged) => &ranged.columns,
        }
    }

    /// Returns the ends of the range, in microseconds since 1970, as far as there are some.
    pub fn range_us(&self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::Columns(_) => (None, None),
            Self::Ranged(RangedTimestamps { min, max, .. }) => {
                let us = |text: &Option<String>| text.as_deref().and_then(instant::parse_instant);
                (us(min), us(max))
            }
        }
    }
}

/// One step of a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Every element or field.
    Any,
    /// The field of this name, or the element of this number.
    One(String),
}

/// Parts a name into the column's and the pointer's steps; the whole column where there are none.
pub fn parts(named: &str) -> (&str, Vec<Step>) {
    let Some((column, pointer)) = named.split_once('#') else { return (named, Vec::new()) };
    let step = |step: &str| match step {
        "*" => Step::Any,
        step => Step::One(step.replace("~1", "/").replace("~0", "~")),
    };
    (column, pointer.split('/').skip(1).map(step).collect())
}

/// Returns whether a name without its pointer means this column.
pub fn means(named: &str, table: &str, column: &str) -> bool {
    let rest = named.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
    named == column || rest == Some(column)
}

impl CheckTable {
    /// Finds names and patterns that mean nothing; `index` is the entity's.
    pub(super) fn problems(&self, index: usize, tables: &[DescribedTable]) -> Vec<Finding> {
        let at = |key: &str| format!("/entity/{index}/check/{key}");
        let timestamps = match &self.timestamps {
            TimestampsTable::Columns(_) => at("timestamps"),
            TimestampsTable::Ranged(_) => at("timestamps/columns"),
        };
        let mut lists: Vec<(String, &[String])> = vec![
            (at("coordinates"), &self.coordinates),
            (timestamps, self.timestamps.columns()),
            (at("json-fields"), &self.json_fields),
        ];
        let paths = self.file_paths.iter().enumerate();
        lists.extend(paths.map(|(place, paths)| (at(&format!("file-paths/{place}/columns")), &*paths.columns)));
        let mut found = Vec::new();
        let known: Vec<String> =
            tables.iter().flat_map(|table| table.columns.iter().map(|(column, _)| column.clone())).collect();
        for (pointer, names) in lists {
            for (place, named) in names.iter().enumerate() {
                let (column, _) = parts(named);
                let is_fed =
                    |table: &DescribedTable| table.columns.iter().any(|(fed, _)| means(column, &table.name, fed));
                let message = if !tables.iter().any(is_fed) {
                    format!("the transformer feeds no column `{column}`")
                } else if named.split_once('#').is_some_and(|(_, pointer)| !pointer.starts_with('/')) {
                    format!("expected a JSON Pointer like `/rects/*/x1` behind `#`, found `{named}`")
                } else {
                    continue;
                };
                found.push((format!("{pointer}/{place}"), message, hint::among(column, &known)));
            }
        }
        for (place, paths) in self.file_paths.iter().enumerate() {
            if let Some(Err(error)) = paths.pattern.as_deref().map(Regex::new) {
                let error = error.to_string();
                let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let message = format!("expected a regular expression: {why}");
                found.push((at(&format!("file-paths/{place}/pattern")), message, None));
            }
        }
        if let TimestampsTable::Ranged(RangedTimestamps { min, max, .. }) = &self.timestamps {
            for (key, text) in [("min", min), ("max", max)] {
                if let Some(text) = text.as_deref().filter(|text| instant::parse_instant(text).is_none()) {
                    let message = format!("expected an instant like `2000-01-01T00:00:00Z`, found `{text}`");
                    found.push((at(&format!("timestamps/{key}")), message, None));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_and_what_lies_in_them() {
        let one = |name: &str| Step::One(name.to_owned());
        assert_eq!(parts("x1"), ("x1", vec![]));
        assert_eq!(parts("marks.rects#/*/x1"), ("marks.rects", vec![Step::Any, one("x1")]));
        assert_eq!(parts("v#/a~1b/m~0n/"), ("v", vec![one("a/b"), one("m~n"), one("")]));
        assert!(means("x1", "marks", "x1") && means("marks.x1", "marks", "x1") && means("a.b", "marks", "a.b"));
        assert!(!means("other.x1", "marks", "x1") && !means("x", "marks", "x1"));
    }
}
