//! Records that were set aside or parked become batches again, of the originals that were kept.

use super::bookkeeping::StoredLetter;
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

/// Returns what a letter came from, and its first byte there.
fn place(stored: &StoredLetter) -> (&str, u64) {
    let position = stored.letter.position.as_str();
    match position.rsplit_once(':').and_then(|(origin, offset)| Some((origin, offset.parse().ok()?))) {
        Some(place) => place,
        None => (position, 0),
    }
}
