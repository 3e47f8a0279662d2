//! The first two stages: records through the transformer, rows through the validators. No transaction is open here.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Failure;
use crate::plugin::Documents;
use crate::plugin::Outcome;
use crate::plugin::PluginError;
use crate::plugin::PluginId;
use crate::plugin::PluginRow;
use crate::plugin::RecordFault;
use crate::plugin::Transformer;
use crate::plugin::Validator;
use crate::record::Batch;

/// Why a record became a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `read`, `transform`, `validate`, `resolve` or `write`.
    pub stage: &'static str,
    /// Short and stable.
    pub code: String,
    /// The field or column at fault.
    pub field: Option<String>,
    /// One sentence.
    pub message: String,
    /// The component that refused it, or whose row was refused.
    pub plugin: Option<Arc<PluginId>>,
}

/// What a record is so far.
#[derive(Debug)]
pub enum Mapped {
    /// Rows, not yet checked against the target.
    Rows(Vec<PluginRow>),
    /// Left out on purpose, with the transformer's reason.
    Skip(String),
    /// Set aside; the tables of the rows that it had.
    Dead(Box<Refused>, Vec<u32>),
}

/// A batch behind the transformer: exactly one entry a record, in order.
#[derive(Debug)]
pub struct Transformed {
    /// The records.
    pub batch: Batch,
    /// One a record.
    pub mapped: Vec<Mapped>,
    /// The transformer that made it.
    pub plugin: Arc<PluginId>,
}

/// A batch behind the validators.
#[derive(Debug)]
pub struct Validated(pub Transformed);

/// Which records a call is about, so that a person finds them.
pub(super) struct Place<'a> {
    entity: &'a str,
    first: u64,
    last: u64,
    origin: Arc<str>,
}

impl<'a> Place<'a> {
    /// `records` are indexes into the batch, in order.
    pub(super) fn new(entity: &'a str, batch: &Batch, records: &[usize]) -> Self {
        let document = |index: Option<&usize>| index.map_or(0, |&index| batch.records[index].document);
        let origin = records.first().map_or(&batch.origin, |&index| batch.origin_of(&batch.records[index])).clone();
        Self { entity, first: document(records.first()), last: document(records.last()), origin }
    }

    /// A span of the highest level, so that no filter hides where a line of the plugin comes from.
    pub(super) fn span(&self) -> tracing::Span {
        tracing::error_span!("batch", entity = self.entity, documents = format!("{}-{}", self.first, self.last))
    }

    pub(super) fn failure(&self, error: PluginError) -> Failure {
        let Self { entity, first, last, origin } = self;
        let mut failure = Failure::from(error);
        failure.message.push_str(&format!(" (entity `{entity}`, documents {first} to {last} of `{origin}`)"));
        failure
    }
}

/// Puts a batch through the transformer, so many records a call.
pub fn transform(batch: Batch, transformer: &Transformer, call_records: usize) -> Result<Transformed, Failure> {
    let plugin = transformer.component().id();
    let mut mapped: Vec<Option<Mapped>> = batch
        .records
        .iter()
        .map(|record| {
            record.fault.as_ref().map(|fault| {
                let refused = Refused {
                    stage: "read",
                    code: fault.code.to_owned(),
                    field: fault.field.clone(),
                    message: fault.message.clone(),
                    plugin: None,
                };
                Mapped::Dead(Box::new(refused), Vec::new())
            })
        })
        .collect();
    let sound: Vec<usize> = (0..mapped.len()).filter(|&index| mapped[index].is_none()).collect();
    for call in sound.chunks(call_records.max(1)) {
        let ranges: Vec<Range<usize>> = call.iter().map(|&index| batch.records[index].body.clone()).collect();
        let place = Place::new(transformer.entity(), &batch, call);
        let outcomes = {
            let _span = place.span().entered();
            transformer.transform_bisecting(Documents { bytes: &batch.bytes, ranges: &ranges })
        };
        let outcomes = outcomes.map_err(|error| place.failure(error))?;
        for (&index, outcome) in call.iter().zip(outcomes) {
            mapped[index] = Some(match outcome {
                Ok(Outcome::Rows(rows)) => Mapped::Rows(rows),
                Ok(Outcome::Skip(reason)) => Mapped::Skip(reason),
                Ok(Outcome::Reject { code, field, message }) => {
                    let refused = Refused { stage: "transform", code, field, message, plugin: Some(plugin.clone()) };
                    Mapped::Dead(Box::new(refused), Vec::new())
                }
                Err(fault) => Mapped::Dead(Box::new(faulty(fault, plugin)), Vec::new()),
            });
        }
    }
    let mapped: Option<Vec<Mapped>> = mapped.into_iter().collect();
    let mapped = mapped.ok_or_else(|| Failure::bug("a record came back from the transformer without an outcome"))?;
    Ok(Transformed { batch, mapped, plugin: plugin.clone() })
}

pub(super) fn faulty(fault: RecordFault, plugin: &Arc<PluginId>) -> Refused {
    let plugin = Some(plugin.clone());
    Refused { stage: "transform", code: fault.code.to_owned(), field: None, message: fault.message, plugin }
}

/// Shows every row to the validators, in order; a violation sets its record aside.
///
/// Without validators, malformed rows are left to the next stage, which reads every value anyway.
pub fn validate(
    mut transformed: Transformed,
    transformer: &Transformer,
    validators: &[Arc<Validator>],
) -> Result<Validated, Failure> {
    if !validators.is_empty() {
        for mapped in &mut transformed.mapped {
            let Mapped::Rows(rows) = mapped else { continue };
            if let Some(fault) = rows.iter().find_map(|row| transformer.check(row).err()) {
                let refused = faulty(fault, transformer.component().id());
                *mapped = Mapped::Dead(Box::new(refused), Vec::new());
            }
        }
    }
    for validator in validators {
        let mut rows: Vec<PluginRow> = Vec::new();
        let mut owners: Vec<usize> = Vec::new();
        for (index, mapped) in transformed.mapped.iter().enumerate() {
            if let Mapped::Rows(of_record) = mapped {
                rows.extend(of_record.iter().cloned());
                owners.resize(rows.len(), index);
            }
        }
        let plugin = Some(validator.component().id().clone());
        let place = Place::new(validator.entity(), &transformed.batch, &owners);
        let results = {
            let _span = place.span().entered();
            validator.validate_bisecting(&rows)
        };
        let results = results.map_err(|error| place.failure(error))?;
        for (owner, result) in owners.into_iter().zip(results) {
            let (code, field, message) = match result {
                Ok(violations) => match violations.into_iter().next() {
                    Some(violation) => (violation.code, violation.column, violation.message),
                    None => continue,
                },
                Err(fault) => (fault.code.to_owned(), None, fault.message),
            };
            if let Mapped::Rows(of_record) = &transformed.mapped[owner] {
                let tables = of_record.iter().map(|row| row.table).collect();
                let refused = Refused { stage: "validate", code, field, message, plugin: plugin.clone() };
                transformed.mapped[owner] = Mapped::Dead(Box::new(refused), tables);
            }
        }
    }
    Ok(Validated(transformed))
}
