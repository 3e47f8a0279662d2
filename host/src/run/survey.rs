//! What the source holds beside what the mapping reads: fields nobody maps, and mapped fields that never come.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use bson::RawBsonRef;
use bson::RawDocument;
use serde::Serialize;

use crate::connector::Source;
use crate::connector::source::ReadLimit;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::record::Position;

/// Distinct unmapped fields that are told apart; documents keyed by data could have millions.
const FIELDS_MAX: usize = 1_000;

/// What one entity's source holds.
#[derive(Debug, Default, Serialize)]
pub struct Survey {
    /// Documents in all.
    pub documents: u64,
    /// Documents that cannot be read or have no usable key, by reason.
    pub faults: BTreeMap<String, u64>,
    /// Fields that are neither read nor ignored, with the number of documents that have them.
    pub unmapped: BTreeMap<String, u64>,
    /// Whether there are more unmapped fields than are told apart.
    pub is_cut: bool,
    /// Fields that are read and that no document has.
    pub never_present: Vec<String>,
}

/// Reads a source to its end.
pub async fn survey(entity: &EntityPlan, source: &mut dyn Source) -> Result<Survey, Failure> {
    let mut survey = Survey::default();
    // What is gathered for a merged entity has no fields of its own.
    if !entity.merges.is_empty() {
        return Ok(survey);
    }
    let mut unseen: Vec<&String> = entity.reads.iter().collect();
    let mut after = Position::default();
    while let Some(batch) = source.read(&after, ReadLimit { records: 1_000, bytes: 16 << 20 }).await? {
        for record in &batch.records {
            survey.documents += 1;
            if let Some(fault) = &record.fault {
                *survey.faults.entry(fault.code.to_owned()).or_default() += 1;
            }
            let is_readable = record.fault.as_ref().is_none_or(|fault| fault.code.ends_with("-key"));
            if let Some(document) = is_readable.then(|| RawDocument::from_bytes(batch.body(record)).ok()).flatten() {
                let mut unmapped = BTreeSet::new();
                find_unmapped(document, "", entity, &mut unmapped);
                survey.add(unmapped);
                unseen.retain(|path| !is_present(document, path));
            }
        }
        after = batch.end;
    }
    survey.never_present = unseen.into_iter().cloned().collect();
    Ok(survey)
}

impl Survey {
    /// Counts the unmapped fields of one document.
    fn add(&mut self, unmapped: BTreeSet<String>) {
        for path in unmapped {
            if self.unmapped.len() < FIELDS_MAX || self.unmapped.contains_key(&path) {
                *self.unmapped.entry(path).or_default() += 1;
            } else {
                self.is_cut = true;
            }
        }
    }
}

/// Finds the fields that are neither read nor ignored; those of an array's elements have the array's path before them.
fn find_unmapped(document: &RawDocument, prefix: &str, entity: &EntityPlan, unmapped: &mut BTreeSet<String>) {
    for (name, value) in document.iter().filter_map(Result::ok) {
        let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
        let is_path = |other: &String| *other == path;
        if entity.reads.iter().chain(&entity.ignores).chain(&entity.key).any(is_path) {
            continue;
        }
        let leads_to = |other: &String| other.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('.'));
        let read = || entity.reads.iter().chain(&entity.ignores).chain(&entity.key);
        let is_partly_read = read().any(leads_to);
        // Of an array whose elements are read by their number, each is another thing.
        let is_number = |other: &String| {
            let rest = other.strip_prefix(path.as_str()).and_then(|rest| rest.strip_prefix('.'));
            rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        };
        match value {
            RawBsonRef::Document(inner) if is_partly_read => find_unmapped(inner, &path, entity, unmapped),
            RawBsonRef::Array(_) if is_partly_read && read().any(is_number) => {}
            RawBsonRef::Array(items) if is_partly_read => {
                for item in items.into_iter().filter_map(Result::ok) {
                    if let RawBsonRef::Document(inner) = item {
                        find_unmapped(inner, &path, entity, unmapped);
                    }
                }
            }
            _ => drop(unmapped.insert(path)),
        }
    }
}

fn is_present(document: &RawDocument, path: &str) -> bool {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let value = document.get(name).ok().flatten();
    match (value, rest) {
        (Some(_), None) => true,
        (Some(RawBsonRef::Document(inner)), Some(rest)) => is_present(inner, rest),
        (Some(RawBsonRef::Array(items)), Some(rest)) => {
            let (first, behind) = rest.split_once('.').map_or((rest, None), |(first, behind)| (first, Some(behind)));
            match first.parse::<usize>() {
                Ok(index) => match (items.get(index).ok().flatten(), behind) {
                    (Some(RawBsonRef::Document(inner)), Some(behind)) => is_present(inner, behind),
                    (found, None) => found.is_some(),
                    _ => false,
                },
                Err(_) => items.into_iter().filter_map(Result::ok).any(|item| match item {
                    RawBsonRef::Document(inner) => is_present(inner, rest),
                    _ => false,
                }),
            }
        }
        _ => false,
    }
}
