//! What a look at the target has found, in the form other tools read.

use serde::Deserialize;
use serde::Serialize;

use crate::plan::EntityPlan;
use crate::plan::TablePlan;
use crate::record::packed;
use crate::run::compare::Field;
use crate::run::compare::What;

/// Differences that are told one by one; all are counted.
pub const TOLD_MAX: usize = 1_000;
/// What is said of records that the source has otherwise, no more, or that have come since.
pub const SOURCE_CHANGED: &str = "source-changed";

/// What was compared, and how it differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Commits.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Rows.
    pub rows: u64,
    /// Rows that do not stand there.
    pub missing: u64,
    /// Rows with other values.
    pub changed: u64,
    /// Rows that nobody should have written.
    pub extra: u64,
    /// Records that the source has otherwise, no more, or that have come since.
    pub source_changed: u64,
    /// Records that were written and are set aside now.
    pub rejected: u64,
    /// Batches on which a component failed.
    pub failed: u64,
    /// The first of the differences.
    pub differences: Vec<Told>,
}

/// One difference, for people and tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The entity; empty for a row that nobody wrote.
    pub entity: String,
    /// The record's number in the source, as it was when it was read.
    pub document: Option<u64>,
    /// The last record's number, where several that follow one another are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<u64>,
    /// The table, where a row is meant.
    pub table: Option<String>,
    /// The row's key; that of the record, where it was not moved.
    pub key: Option<String>,
    /// `missing`, `changed`, `extra`, `source-changed`, `rejected` or `failed`; a repair has more.
    pub what: String,
    /// Field by field.
    pub fields: Vec<Field>,
    /// In words, where there is more to say.
    pub message: Option<String>,
}

/// What was found in one entity or table.
#[derive(Debug, Clone, Serialize)]
pub struct Part<C> {
    /// Its name.
    pub name: String,
    /// What was found.
    #[serde(flatten)]
    pub counts: C,
}

/// A look at a whole migration.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// The migration's name.
    pub migration: String,
    /// `equal`, `different` or `stopped`.
    pub status: &'static str,
    /// From start to end, without what an earlier look has done.
    pub duration_ms: u64,
    /// By entity, in the order they run.
    pub entities: Vec<Part<Counts>>,
    /// Rows that nobody wrote, by table.
    pub tables: Vec<Part<Counts>>,
    /// How many differences there are.
    pub differences: u64,
    /// What has changed since the migration began: configuration, components, target tables.
    pub changes: Vec<String>,
}

impl Counts {
    /// Returns how many differences there are.
    pub fn differences(&self) -> u64 {
        self.missing + self.changed + self.extra + self.source_changed + self.rejected + self.failed
    }

    /// Counts a difference, and tells it where few were told before.
    pub fn tell(&mut self, told: Told) {
        match told.what.as_str() {
            "missing" => self.missing += 1,
            "changed" => self.changed += 1,
            "extra" => self.extra += 1,
            SOURCE_CHANGED => self.source_changed += 1,
            "rejected" => self.rejected += 1,
            _ => self.failed += 1,
        }
        tell(&mut self.differences, told);
    }

    pub(super) fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("counts are plain data")
    }
}

/// Adds a difference where few were told before. Records in a row that the source has otherwise are told once.
pub fn tell(differences: &mut Vec<Told>, told: Told) {
    if let Some(last) = differences.last_mut()
        && told.what == SOURCE_CHANGED
        && (&last.what, &last.entity, &last.message) == (&told.what, &told.entity, &told.message)
        && last.last_document().is_some_and(|document| told.document == Some(document + 1))
    {
        last.through = told.document;
    } else if differences.len() < TOLD_MAX {
        differences.push(told);
    }
}

impl Told {
    /// Begins the difference of a record that the source does not have any more.
    pub fn gone(plan: &EntityPlan, document: u64) -> Self {
        let message = Some("the source does not have it any more".to_owned());
        Self { message, ..of_record(plan, document, SOURCE_CHANGED) }
    }

    /// Begins the difference of a record that the source has and that was not moved.
    pub fn new(plan: &EntityPlan, key: Option<String>) -> Self {
        let message = Some("the source has it, and it was not moved: it has come since".to_owned());
        Self { document: None, key, message, ..of_record(plan, 0, SOURCE_CHANGED) }
    }

    /// Returns how many differences it tells.
    pub fn count(&self) -> u64 {
        self.through.zip(self.document).map_or(1, |(last, first)| last.saturating_sub(first) + 1)
    }

    fn last_document(&self) -> Option<u64> {
        self.through.or(self.document)
    }
}

/// Begins a difference of a whole record.
pub fn of_record(plan: &EntityPlan, document: u64, what: &str) -> Told {
    Told {
        entity: plan.name.clone(),
        document: Some(document),
        through: None,
        table: None,
        key: None,
        what: what.to_owned(),
        fields: Vec::new(),
        message: None,
    }
}

/// Begins a difference of a row.
pub fn of_row(plan: &EntityPlan, document: u64, row: Option<&(usize, Vec<u8>)>, what: &str) -> Told {
    let at = row.map(|(table, key)| (&plan.tables[*table], key));
    Told {
        table: at.map(|(table, _)| table.schema.name.clone()),
        key: at.map(|(table, key)| shown_key(table, key)),
        ..of_record(plan, document, what)
    }
}

pub(super) fn told(plan: &EntityPlan, document: u64, row: Option<&(usize, Vec<u8>)>, what: What) -> Option<Told> {
    let of = |what| of_row(plan, document, row, what);
    Some(match what {
        What::Missing | What::New => of("missing"),
        What::Taken(fields) => Told { fields, ..of("changed") },
        What::Changed { fields, is_ours } => {
            let message = (!is_ours).then(|| "somebody has changed it since it was written".to_owned());
            Told { fields, message, ..of("changed") }
        }
        What::Gone { .. } => Told { message: Some("its record does not give it any more".to_owned()), ..of("extra") },
        // Whether another record gives it, none alone can tell.
        What::Shared => return None,
        What::SourceChanged => of(SOURCE_CHANGED),
        What::Rejected { code, message } => Told { message: Some(format!("{code}: {message}")), ..of("rejected") },
    })
}

/// Returns a row's compact key as people read it.
pub fn shown_key(table: &TablePlan, key: &[u8]) -> String {
    let names = table.key.iter().map(|&column| table.schema.columns[column].name.as_str());
    let values = packed::decode(key).unwrap_or_default();
    let pairs: Vec<String> = names
        .zip(values)
        .map(|(name, value)| format!("{name} = {}", packed::display(std::slice::from_ref(&value))))
        .collect();
    format!("({})", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::SOURCE_CHANGED;
    use super::Told;
    use super::tell;

    fn told(document: u64, what: &str, message: Option<&str>) -> Told {
        Told {
            entity: "e".to_owned(),
            document: Some(document),
            through: None,
            table: None,
            key: None,
            what: what.to_owned(),
            fields: Vec::new(),
            message: message.map(str::to_owned),
        }
    }

    #[test]
    fn records_behind_one_another_are_told_once() {
        let mut differences = Vec::new();
        for document in [3, 4, 5, 7] {
            tell(&mut differences, told(document, SOURCE_CHANGED, None));
        }
        tell(&mut differences, told(8, SOURCE_CHANGED, Some("gone")));
        tell(&mut differences, told(9, "rejected", None));
        tell(&mut differences, told(10, "rejected", None));
        let found: Vec<_> = differences.iter().map(|told| (told.document, told.through, told.count())).collect();
        let one = |document| (Some(document), None, 1);
        assert_eq!(found, [(Some(3), Some(5), 3), one(7), one(8), one(9), one(10)]);
    }
}
