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
use crate::run::bookkeeping::GroupSize;
use crate::run::bookkeeping::Known;

/// Members that are taken for one thing at most: what a whole table is known by is a mistake.
pub const MEMBERS_MAX: u64 = 1_000;
/// Bytes of a group at most, as of a document.
pub const GROUP_BYTES_MAX: u64 = 16 << 20;

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

    /// Returns the members of the next groups; of one with more members than it may have, which then stands alone, the first.
    async fn groups(&self, after: &Known, limit: ReadLimit) -> Result<Vec<GatheredRow>, TargetError> {
        // A plan looks at its sources before anything was gathered.
        if !self.target.has_own_tables().await? {
            return Ok(Vec::new());
        }
        let mut tx = self.target.begin().await?;
        let groups = self.books.gathered_groups(&mut *tx, &self.merged, after, limit.records.max(1)).await?;
        let is_too_large = |group: &GroupSize| group.members > MEMBERS_MAX || group.bytes > GROUP_BYTES_MAX;
        let is_cut = groups.first().is_some_and(is_too_large);
        let (mut count, mut bytes) = (0, 0);
        for (place, group) in groups.iter().enumerate() {
            bytes += group.bytes;
            if place > 0 && (is_cut || is_too_large(group) || bytes > limit.bytes as u64) {
                break;
            }
            count += if is_cut { 1 } else { group.members };
        }
        let mut rows = match count {
            0 => Vec::new(),
            count => self.books.gathered(&mut *tx, &self.merged, after, count).await?,
        };
        tx.rollback().await?;
        rows.iter_mut().for_each(|row| row.is_cut = is_cut);
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
    if let Some(holder) = members.iter().position(|member| member.holds_id).and_then(|at| i32::try_from(at).ok()) {
        group.append(cstr!("holdsId"), holder);
    }
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
