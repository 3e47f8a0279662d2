//! Why a record waits in vain: what it waits for, what that waits for in turn, and why the last of them is not there.

use std::collections::HashMap;

use super::key::OF_ONE;
use crate::connector::TargetError;
use crate::connector::Transaction;
use crate::record::Value;
use crate::record::packed;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::ParkedKey;
use crate::run::bookkeeping::RecordPlace;
use crate::run::bookkeeping::StoredLetter;

/// Records that a chain is followed over.
const CHAIN_MAX: usize = 100;
/// Records that it names; of the others it says how many they are.
const NAMED_MAX: usize = 5;

/// What a record waits for.
#[derive(Clone)]
enum Next {
    /// This record would bring it, and waits itself.
    Record(RecordPlace),
    /// This record would have brought it, and is a dead letter with this code.
    Dead(String, String),
    /// Nothing that was read brings it: the key and the table.
    Nobody(String, String),
}

/// What was found out about chains: they meet.
#[derive(Default)]
pub(super) struct Chains {
    next: HashMap<RecordPlace, Option<Next>>,
    names: HashMap<RecordPlace, String>,
}

impl Chains {
    /// Returns what is to be said of records that wait in vain, by their numbers in the source.
    pub(super) async fn of(
        &mut self,
        tx: &mut dyn Transaction,
        books: &Bookkeeping,
        entity: &str,
        letters: &[StoredLetter],
    ) -> Result<HashMap<u64, String>, TargetError> {
        let mut chains = HashMap::new();
        for stored in letters {
            let place = (entity.to_owned(), stored.letter.document);
            if let Some(chain) = self.chain(tx, books, &place).await? {
                chains.insert(stored.letter.document, chain);
            }
        }
        Ok(chains)
    }

    async fn chain(
        &mut self,
        tx: &mut dyn Transaction,
        books: &Bookkeeping,
        first: &RecordPlace,
    ) -> Result<Option<String>, TargetError> {
        let mut steps: Vec<RecordPlace> = Vec::new();
        let end = loop {
            let at = steps.last().unwrap_or(first).clone();
            match self.next(tx, books, &at).await? {
                None if steps.is_empty() => return Ok(None),
                None => break None,
                Some(Next::Record(place)) if place == *first => {
                    if steps.is_empty() {
                        return Ok(Some("; it comes with this record itself, in a row behind this one".to_owned()));
                    }
                    break Some("waits for this record: a circle of which none can be the first".to_owned());
                }
                Some(Next::Record(place)) if steps.contains(&place) => {
                    let name = self.name(tx, books, &place).await?;
                    break Some(format!("waits for {name} again: a circle of which none can be the first"));
                }
                Some(Next::Record(_)) if steps.len() == CHAIN_MAX => break None,
                Some(Next::Record(place)) => steps.push(place),
                Some(Next::Dead(name, code)) if steps.is_empty() => {
                    return Ok(Some(format!("; it would come with {name}, which is a dead letter (`{code}`)")));
                }
                Some(Next::Dead(name, code)) => {
                    break Some(format!("waits for {name}, which is a dead letter (`{code}`)"));
                }
                Some(Next::Nobody(..)) if steps.is_empty() => {
                    return Ok(Some("; no record that was written or waits brings it".to_owned()));
                }
                Some(Next::Nobody(key, table)) => {
                    break Some(format!(
                        "waits for {key} in `{table}`, and no record that was written or waits brings that"
                    ));
                }
            }
        };
        let mut names = Vec::with_capacity(NAMED_MAX);
        for place in steps.iter().take(NAMED_MAX) {
            names.push(self.name(tx, books, place).await?);
        }
        let mut text = format!("; it would come with {}", names.join(", which waits for "));
        match (steps.len() - names.len(), end) {
            (0, Some(end)) => text.push_str(&format!(", which {end}")),
            (more, Some(end)) => text.push_str(&format!(", and so on over {more} more, the last of which {end}")),
            (_, None) => text.push_str(", and so on"),
        }
        Ok(Some(text))
    }

    async fn next(
        &mut self,
        tx: &mut dyn Transaction,
        books: &Bookkeeping,
        place: &RecordPlace,
    ) -> Result<Option<Next>, TargetError> {
        if let Some(next) = self.next.get(place) {
            return Ok(next.clone());
        }
        let next = match books.first_awaited(tx, place).await? {
            Some(awaited) => Some(bringing(tx, books, awaited).await?),
            None => None,
        };
        self.next.insert(place.clone(), next.clone());
        Ok(next)
    }

    async fn name(
        &mut self,
        tx: &mut dyn Transaction,
        books: &Bookkeeping,
        place: &RecordPlace,
    ) -> Result<String, TargetError> {
        if let Some(name) = self.names.get(place) {
            return Ok(name.clone());
        }
        let (entity, document) = place;
        let name = match books.letter_key(tx, entity, *document).await? {
            Some(key) => format!("the record `{key}` of `{entity}` (document {document})"),
            None => format!("document {document} of `{entity}`"),
        };
        self.names.insert(place.clone(), name.clone());
        Ok(name)
    }
}

/// Finds who would bring a key.
async fn bringing(tx: &mut dyn Transaction, books: &Bookkeeping, awaited: ParkedKey) -> Result<Next, TargetError> {
    if let Some(place) = books.giver(tx, &awaited.of, &awaited.key).await? {
        return Ok(Next::Record(place));
    }
    for (entity, key) in records(&awaited) {
        let Some((document, code)) = books.letter_with_key(tx, &entity, &key).await? else { continue };
        let place = (entity.clone(), document);
        if books.first_awaited(tx, &place).await?.is_some() {
            return Ok(Next::Record(place));
        }
        return Ok(Next::Dead(format!("the record `{key}` of `{entity}` (document {document})"), code));
    }
    Ok(Next::Nobody(awaited.shown, awaited.parent_table))
}

/// The records that would bring a key, by their entities and source keys, as far as that is known.
fn records(awaited: &ParkedKey) -> Vec<(String, String)> {
    if awaited.of != OF_ONE {
        return awaited.parent_entity.clone().zip(awaited.parent_record.clone()).into_iter().collect();
    }
    let values = packed::decode(&awaited.key).unwrap_or_default();
    let pair = |pair: &[Value]| match pair {
        [Value::Text(entity), Value::Text(key)] => Some((entity.to_string(), key.to_string())),
        _ => None,
    };
    values.chunks(2).filter_map(pair).collect()
}
