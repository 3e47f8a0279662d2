//! What was gathered, as the source of the merged entity: a group of members a record, in the order of what they are known
//! by. That order hangs neither on who was read first nor on how batches were cut.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use bson::RawArrayBuf;
use bson::RawBson;
use bson::RawBsonRef;
use bson::RawDocument;
use bson::RawDocumentBuf;
use bson::cstr;

use crate::connector::Source;
use crate::connector::SourceError;
use crate::connector::Target;
use crate::connector::TargetError;
use crate::connector::source::ReadLimit;
use crate::record::Batch;
use crate::record::BatchBuilder;
use crate::record::Fault;
use crate::record::Position;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::GatheredRow;
use crate::run::bookkeeping::Known;

/// Members that are taken for one thing at most: what a whole table is known by is a mistake.
const MEMBERS_MAX: usize = 1_000;
/// Bytes of a group at most, as of a document.
const GROUP_BYTES_MAX: u64 = 16 << 20;

/// The groups of one merged entity.
pub struct GatheredSource {
    target: Arc<dyn Target>,
    books: Bookkeeping,
    merged: String,
    origin: Arc<str>,
    state: String,
    key: Vec<String>,
}

impl GatheredSource {
    /// Reads what these entities have gathered for a merged one.
    pub fn new(target: Arc<dyn Target>, books: Bookkeeping, merged: &str, members: &[String]) -> Self {
        Self {
            target,
            books,
            merged: merged.to_owned(),
            origin: merged.into(),
            state: format!("what `{}` have gathered", members.join("`, `")),
            key: vec!["_id".to_owned()],
        }
    }

    /// Returns the members of the next groups, whole groups only, and whether one of them has more members than it may
    /// have: that one then stands alone, with the first of them.
    async fn groups(&self, after: &Known, limit: ReadLimit) -> Result<Vec<GatheredRow>, TargetError> {
        let mut tx = self.target.begin().await?;
        let (count, bytes) = (limit.records.clamp(1, MEMBERS_MAX) + 1, limit.bytes as u64);
        let sizes = self.books.gathered_sizes(&mut *tx, &self.merged, after, count).await?;
        // The last group may go on behind what was asked for.
        let is_end = sizes.len() < count;
        let (mut whole, mut sum) = (0, 0);
        for (place, (known, size)) in sizes.iter().enumerate() {
            sum += size;
            let is_last = sizes.get(place + 1).map_or(is_end, |(next, _)| next != known);
            if whole > 0 && sum > bytes {
                break;
            }
            if is_last {
                whole = place + 1;
            }
        }
        let rows = match (whole, sizes.first()) {
            (_, None) => Vec::new(),
            (0, Some((known, _))) => {
                // One group fills it all.
                let of_one = self.books.gathered_sizes_of(&mut *tx, &self.merged, known, MEMBERS_MAX + 1).await?;
                let bytes: u64 = of_one.iter().sum();
                let is_too_large = of_one.len() > MEMBERS_MAX || bytes > GROUP_BYTES_MAX;
                let count = if is_too_large { 1 } else { of_one.len() };
                let mut rows = self.books.gathered(&mut *tx, &self.merged, after, count).await?;
                if is_too_large {
                    rows.iter_mut().for_each(|row| row.is_cut = true);
                }
                rows
            }
            (whole, Some(_)) => self.books.gathered(&mut *tx, &self.merged, after, whole).await?,
        };
        tx.rollback().await?;
        Ok(rows)
    }
}

/// Makes a document of the members of one group.
pub fn group(members: &[GatheredRow]) -> Option<Vec<u8>> {
    let first = members.first()?;
    let mut array = RawArrayBuf::new();
    for member in members {
        array.push(RawBsonRef::Document(RawDocument::from_bytes(&member.body).ok()?));
    }
    let identity = first.known.identity();
    let mut group = RawDocumentBuf::new();
    match identity {
        Some(identity) => group.append(cstr!("_id"), identity),
        None => {
            let mut key = RawArrayBuf::new();
            key.push(first.entity.as_str());
            key.push(first.key.as_str());
            group.append(cstr!("_id"), key);
        }
    }
    group.append(cstr!("identity"), identity.map_or(RawBson::Null, |identity| RawBson::String(identity.to_owned())));
    group.append(cstr!("members"), array);
    Some(group.into_bytes())
}

#[async_trait]
impl Source for GatheredSource {
    async fn read(&mut self, after: &Position, limit: ReadLimit) -> Result<Option<Batch>, SourceError> {
        let Some(known) = Known::parse(&after.token) else {
            return Err(SourceError::Position {
                file: self.merged.clone(),
                offset: after.document,
                message: format!("`{}` is no place among what was gathered", after.token),
            });
        };
        let rows = self.groups(&known, limit).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        let mut document = after.document;
        let token = last.known.to_token();
        let mut batch = BatchBuilder::new(&self.key);
        for members in rows.chunk_by(|one, other| one.known == other.known) {
            document += 1;
            match group(members) {
                Some(body) if !members[0].is_cut => batch.push_bson(document, document, &body),
                _ => batch.push_fault(document, document, &members[0].body, too_large(&members[0])),
            }
        }
        Ok(Some(batch.finish(self.origin.clone(), Position { document, token })))
    }

    fn count(&self) -> Option<u64> {
        None
    }

    fn progress(&self, _: &Position) -> Option<f64> {
        None
    }

    fn state(&self) -> &str {
        &self.state
    }

    fn state_at_end(&mut self) -> String {
        self.state.clone()
    }
}

fn too_large(first: &GatheredRow) -> Fault {
    let mut message = format!(
        "expected at most {MEMBERS_MAX} records and {GROUP_BYTES_MAX} bytes that are one thing, found more that are known by "
    );
    let _ = match first.known.identity() {
        Some(identity) => write!(message, "`{identity}`"),
        None => write!(message, "their own key"),
    };
    Fault { code: "group-too-large", field: None, message, is_bson: true }
}
