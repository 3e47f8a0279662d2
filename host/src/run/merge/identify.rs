//! The first pass: what the records of a member are known by, and their rows put up for the second.

use std::sync::Arc;

use bson::RawArrayBuf;
use bson::RawBsonRef;
use bson::RawDocument;
use bson::RawDocumentBuf;
use bson::cstr;

use crate::error::Failure;
use crate::plugin::Documents;
use crate::plugin::Merger;
use crate::plugin::PluginRow;
use crate::plugin::Transformer;
use crate::record::Key;
use crate::run::transform::Mapped;
use crate::run::transform::Place;
use crate::run::transform::Validated;
use crate::run::transform::faulty;

/// One record that waits for being merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// What it is known by; `None` for one that is a thing of its own.
    pub identity: Option<String>,
    /// Its rows as the merger gets them: `{ source, key, rows: [{ table, row }] }`.
    pub body: Vec<u8>,
}

/// How the records of an entity are gathered.
pub struct Gathering {
    /// Who knows them.
    pub merger: Arc<Merger>,
    /// The entity's place among those that are merged.
    pub source: i32,
    /// For each table that its transformer describes, the merger's index of it; none for the tables of junctions.
    pub tables: Vec<Option<i32>>,
}

impl Gathering {
    /// Prepares an entity; `described` are the tables that its transformer describes.
    pub fn new<'a>(merger: Arc<Merger>, entity: &str, described: impl Iterator<Item = &'a str>) -> Option<Self> {
        let place = |position: Option<usize>| position.and_then(|position| i32::try_from(position).ok());
        let source = place(merger.sources().iter().position(|source| source == entity))?;
        let tables = described.map(|table| place(merger.tables().position(|other| other == table))).collect();
        Some(Self { merger, source, tables })
    }

    /// Returns a record as a member, where it has rows that are merged.
    fn member(&self, key: &Key, rows: &[PluginRow]) -> Option<Vec<u8>> {
        let mut all = RawArrayBuf::new();
        for row in rows {
            let table = self.tables.get(usize::try_from(row.table).ok()?).copied().flatten();
            let (Some(table), Ok(body)) = (table, RawDocument::from_bytes(&row.body)) else { continue };
            let mut placed = RawDocumentBuf::new();
            placed.append(cstr!("table"), table);
            placed.append(cstr!("row"), RawBsonRef::Document(body));
            all.push(placed);
        }
        if all.is_empty() {
            return None;
        }
        let mut member = RawDocumentBuf::new();
        member.append(cstr!("source"), self.source);
        member.append(cstr!("key"), key.as_str());
        member.append(cstr!("rows"), all);
        Some(member.into_bytes())
    }
}

/// Asks the merger what the records of a batch are known by; one entry a record. Those that it cannot tell are set aside.
pub fn identify(
    Validated(transformed): &mut Validated,
    transformer: &Transformer,
    gathering: &Gathering,
) -> Result<Vec<Option<Gathered>>, Failure> {
    let mut gathered: Vec<Option<Gathered>> = transformed.mapped.iter().map(|_| None).collect();
    let (mut bytes, mut ranges, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    for (index, mapped) in transformed.mapped.iter_mut().enumerate() {
        let Mapped::Rows(rows) = mapped else { continue };
        if let Some(fault) = rows.iter().find_map(|row| transformer.check(row).err()) {
            let refused = faulty(fault, transformer.component().id());
            *mapped = Mapped::Dead(Box::new(refused), Vec::new());
            continue;
        }
        let Some(key) = &transformed.batch.records[index].key else { continue };
        let Some(member) = gathering.member(key, rows) else { continue };
        let start = bytes.len();
        bytes.extend_from_slice(&member);
        ranges.push(start..bytes.len());
        owners.push(index);
        gathered[index] = Some(Gathered { identity: None, body: member });
    }
    let merger = &gathering.merger;
    let place = Place::new(transformer.entity(), &transformed.batch, &owners);
    let identities = {
        let _span = place.span().entered();
        merger.identify_bisecting(Documents { bytes: &bytes, ranges: &ranges })
    };
    let identities = identities.map_err(|error| place.failure(error))?;
    for (owner, identity) in owners.into_iter().zip(identities) {
        match (identity, &mut gathered[owner]) {
            (Ok(identity), Some(gathered)) => gathered.identity = identity,
            (Err(fault), entry) => {
                *entry = None;
                let tables = match &transformed.mapped[owner] {
                    Mapped::Rows(rows) => rows.iter().map(|row| row.table).collect(),
                    _ => Vec::new(),
                };
                transformed.mapped[owner] = Mapped::Dead(Box::new(faulty(fault, merger.component().id())), tables);
            }
            (Ok(_), None) => {}
        }
    }
    Ok(gathered)
}
