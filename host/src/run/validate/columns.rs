//! Which columns each check looks at: those that the manifest's `check` names, and those whose type says so.

use regex::Regex;

use super::report::COORDINATES;
use super::report::FILE_PATHS;
use super::report::JSON_FIELDS;
use super::report::TIMESTAMPS;
use crate::plan::EntityPlan;
use crate::plan::checks;
use crate::plan::checks::CheckTable;
use crate::plan::checks::Step;
use crate::record::ColumnType;

/// What one check asks of one column.
#[derive(Debug)]
pub struct Asked {
    /// The check.
    pub check: &'static str,
    /// Where in the column's JSON; empty is the whole column.
    pub steps: Vec<Step>,
    /// Which of [`EntityColumns::declared`] it is, where the manifest has named it.
    pub declared: Option<usize>,
    /// Which of [`EntityColumns::paths`] says what its paths look like.
    pub rule: Option<usize>,
}

/// What a path looks like.
#[derive(Debug)]
pub struct PathRule {
    /// It begins with one of these, where there are some.
    pub prefix: Vec<String>,
    /// It begins with none of these.
    pub not: Vec<String>,
    /// It is found in it.
    pub pattern: Option<Regex>,
}

/// A name in the manifest, and how many values it has led to.
#[derive(Debug)]
pub struct Declared {
    /// The check that it is declared for.
    pub check: &'static str,
    /// As the manifest has it.
    pub named: String,
    /// Values that were compared.
    pub values: u64,
}

/// What is asked of one entity's columns.
#[derive(Debug, Default)]
pub struct EntityColumns {
    /// By table, then by fed column.
    pub asked: Vec<Vec<Vec<Asked>>>,
    /// Everything that the manifest names.
    pub declared: Vec<Declared>,
    /// The rules of paths.
    pub paths: Vec<PathRule>,
    /// The ends of the range of timestamps, in microseconds since 1970.
    pub range_us: (Option<i64>, Option<i64>),
}

impl EntityColumns {
    /// Finds the columns of an entity; names and patterns have been checked with the manifest.
    pub fn new(plan: &EntityPlan, check: &CheckTable) -> Self {
        let mut columns = Self {
            asked: plan.tables.iter().map(|table| table.columns.iter().map(|_| Vec::new()).collect()).collect(),
            range_us: check.timestamps.range_us(),
            ..Self::default()
        };
        let named = |check: &'static str, names: &[String]| -> Vec<(&'static str, String, Option<usize>)> {
            names.iter().map(|name| (check, name.clone(), None)).collect()
        };
        let mut all = named(COORDINATES, &check.coordinates);
        all.extend(named(TIMESTAMPS, check.timestamps.columns()));
        all.extend(named(JSON_FIELDS, &check.json_fields));
        for paths in &check.file_paths {
            let rule = Some(columns.paths.len());
            columns.paths.push(PathRule {
                prefix: paths.prefix.clone(),
                not: paths.not.clone(),
                pattern: paths.pattern.as_deref().and_then(|pattern| Regex::new(pattern).ok()),
            });
            all.extend(paths.columns.iter().map(|name| (FILE_PATHS, name.clone(), rule)));
        }
        for (check, named, rule) in all {
            columns.declare(plan, check, named, rule);
        }
        columns.add_by_type(plan);
        // What lies in a column is told before the column as a whole.
        columns.asked.iter_mut().flatten().for_each(|asked| asked.sort_by_key(|asked| asked.steps.is_empty()));
        columns
    }

    /// Returns whether anything is asked for by this check.
    pub fn has(&self, check: &str) -> bool {
        self.asked.iter().flatten().flatten().any(|asked| asked.check == check)
    }

    fn declare(&mut self, plan: &EntityPlan, check: &'static str, named: String, rule: Option<usize>) {
        let (name, steps) = checks::parts(&named);
        for (table, asked) in plan.tables.iter().zip(&mut self.asked) {
            for (&column, asked) in table.columns.iter().zip(asked) {
                if checks::means(name, &table.schema.name, &table.schema.columns[column].name) {
                    let declared = Some(self.declared.len());
                    asked.push(Asked { check, steps: steps.clone(), declared, rule });
                }
            }
        }
        self.declared.push(Declared { check, named, values: 0 });
    }

    /// Columns that are looked at unasked: timestamps and JSON. One that the manifest names as a whole has been added.
    fn add_by_type(&mut self, plan: &EntityPlan) {
        // The rows of what is merged are the merged entity's.
        if plan.merged_into.is_some() {
            return;
        }
        for (table, asked) in plan.tables.iter().zip(&mut self.asked) {
            for (&column, asked) in table.columns.iter().zip(asked) {
                let check = match table.schema.columns[column].kind {
                    ColumnType::Timestamp | ColumnType::LocalTimestamp => TIMESTAMPS,
                    ColumnType::Json { .. } => JSON_FIELDS,
                    _ => continue,
                };
                if !asked.iter().any(|asked| asked.check == check && asked.steps.is_empty()) {
                    asked.push(Asked { check, steps: Vec::new(), declared: None, rule: None });
                }
            }
        }
    }
}
