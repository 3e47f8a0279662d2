//! What the records of a member come to now, beside what was gathered of them.

use crate::connector::Transaction;
use crate::error::Failure;
use crate::run::bookkeeping::Known as KnownBy;
use crate::run::committed::Known;
use crate::run::compare::Compared;
use crate::run::compare::Difference;
use crate::run::compare::Place;
use crate::run::compare::What;
use crate::run::ledger;
use crate::run::ledger::Fate;
use crate::run::resolve::Resolved;

/// Compares; `known` is one a record, in order. What became of it is for the merged entity to say.
pub async fn compare(
    place: Place<'_>,
    tx: &mut dyn Transaction,
    resolved: &Resolved,
    known: &[Option<&Known>],
    compared: &mut Compared,
) -> Result<(), Failure> {
    let entity = &place.plan.entities[place.entity];
    let Some(merged) = entity.merged_into.map(|merged| &place.plan.entities[merged]) else { return Ok(()) };
    let source = merged.merges.iter().position(|&member| member == place.entity).unwrap_or_default() as u64;
    let records = || resolved.batch.records.iter().enumerate();
    let keys: Vec<&str> = records().filter_map(|(_, record)| Some(record.key.as_ref()?.as_str())).collect();
    let gathered = place.books.gathered_of(tx, &entity.name, &keys).await?;
    for (index, record) in records() {
        let is_same = |known: &&Known| {
            known.fate == Fate::Merged && known.source == ledger::source_digest(resolved.batch.body(record))
        };
        let (Some(_), Some(now)) =
            (known[index].filter(is_same), resolved.gathered.get(index).and_then(Option::as_ref))
        else {
            continue;
        };
        compared.rows += 1;
        let stored = record.key.as_ref().and_then(|key| gathered.get(key.as_str()));
        let message = match stored.filter(|stored| stored.document == record.document) {
            None => "what was gathered of it is not there any more",
            Some(stored) if !stored.known.is_by(&KnownBy::new(now.identity.as_deref(), source, record.document)) => {
                "it is known by something else now"
            }
            Some(stored) if stored.body != now.body => "other rows come out of it than were gathered",
            Some(_) => continue,
        };
        let what = What::Rejected { code: "gathered-otherwise".to_owned(), message: message.to_owned() };
        compared.differences.push(Difference { record: index, row: None, what });
    }
    Ok(())
}
