//! Records that were set aside or parked become batches again, of the originals that were kept.

use bson::RawDocument;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::StoredLetter;
use super::merge::MEMBERS_MAX;
use super::merge::group;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Position;

/// Parts letters where they come of another file or collection: one batch has one origin.
pub fn by_origin(letters: Vec<StoredLetter>) -> Vec<(String, Vec<StoredLetter>)> {
    let mut parts: Vec<(String, Vec<StoredLetter>)> = Vec::new();
    for stored in letters {
        let origin = place(&stored).0;
        match parts.last_mut() {
            Some((of_part, part)) if of_part == origin => part.push(stored),
            _ => parts.push((origin.to_owned(), vec![stored])),
        }
    }
    parts
}

/// Makes a batch of the originals. It ends where the entity stands: nothing of the source is read.
pub fn batch(plan: &EntityPlan, origin: &str, letters: &[StoredLetter], end: Position) -> Batch {
    let mut batch = BatchBuilder::new(&plan.key);
    for stored in letters {
        batch.push_bson(stored.letter.document, place(stored).1, &stored.letter.original);
    }
    batch.finish(origin.into(), end)
}

/// Makes a batch of groups as they are now; one that is not there any more is what was kept of it.
pub async fn groups(
    plan: &EntityPlan,
    letters: &[StoredLetter],
    end: Position,
    target: &dyn Target,
    books: &Bookkeeping,
) -> Result<Batch, Failure> {
    let mut batch = BatchBuilder::new(&plan.key);
    let mut tx = target.begin().await?;
    for stored in letters {
        let original = &stored.letter.original;
        let identity = RawDocument::from_bytes(original).ok().and_then(|group| group.get_str("identity").ok());
        let members = match identity {
            Some(identity) => books.members_known_by(&mut *tx, &plan.name, identity, MEMBERS_MAX).await?,
            None => Vec::new(),
        };
        let now = group(&members);
        batch.push_bson(stored.letter.document, place(stored).1, now.as_deref().unwrap_or(original));
    }
    tx.rollback().await?;
    Ok(batch.finish(plan.name.as_str().into(), end))
}

/// Returns what a letter came from, and its first byte there.
fn place(stored: &StoredLetter) -> (&str, u64) {
    let position = stored.letter.position.as_str();
    match position.rsplit_once(':').and_then(|(origin, offset)| Some((origin, offset.parse().ok()?))) {
        Some(place) => place,
        None => (position, 0),
    }
}
