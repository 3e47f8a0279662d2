//! Writes the sources of the examples. A CRM's MongoDB dump with planted dirt: the same seed and scale give the same bytes.
//!
//! Each kind of dirt is counted, with the dead letter that it must lead to under `examples/crm/migration.toml`, so
//! that a run's report can be compared with what was planted.

mod crm;
pub mod moonlanding;
pub mod nextcrm;
pub mod orders;
pub mod random;

use std::collections::BTreeMap;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use bson::Document;
use bson::RawDocumentBuf;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What to write.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// How many times 22,000 documents.
    pub scale: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, scale: 1 }
    }
}

/// One kind of dirt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dirt {
    /// No `_id` at all.
    MissingId,
    /// `_id` is null.
    NullId,
    /// The `_id` of an earlier document.
    DuplicateId,
    /// `_id` is text instead of an ObjectId.
    TextId,
    /// A status that nobody declared.
    BadEnum,
    /// A document where a scalar belongs.
    WrongType,
    /// Words where a number belongs.
    TextForNumber,
    /// A Decimal128 that is no number.
    DecimalNan,
    /// More characters than the column takes.
    TooLong,
    /// Text that is no date.
    BadDate,
    /// A good date, as text.
    DateAsText,
    /// A good date before 1970.
    Before1970,
    /// A date after the year 9999.
    Beyond9999,
    /// The e-mail address of an earlier user.
    DuplicateEmail,
    /// No name where one is required.
    MissingName,
    /// A reference that must find its parent, and does not.
    Orphan,
    /// A reference without a parent that becomes NULL.
    NulledOrphan,
}

impl Dirt {
    /// Returns the code of the dead letter that it leads to, or `None` where the record is written all the same.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::MissingId => Some("missing-key"),
            Self::NullId => Some("unusable-key"),
            Self::DuplicateId => Some("duplicate-key"),
            Self::BadEnum => Some("enum-value"),
            Self::WrongType => Some("type-mismatch"),
            Self::TextForNumber | Self::DecimalNan => Some("number"),
            Self::TooLong => Some("too-long"),
            Self::BadDate => Some("date-format"),
            Self::Beyond9999 => Some("out-of-range"),
            Self::DuplicateEmail => Some("unique"),
            Self::MissingName => Some("required"),
            Self::Orphan => Some("missing-parent"),
            Self::TextId | Self::DateAsText | Self::Before1970 | Self::NulledOrphan => None,
        }
    }
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Documents by entity.
    pub documents: BTreeMap<&'static str, u64>,
    /// Documents with dirt, by entity and kind.
    pub planted: BTreeMap<(&'static str, Dirt), u64>,
}

impl Summary {
    /// Returns how many documents there are.
    pub fn total(&self) -> u64 {
        self.documents.values().sum()
    }

    /// Returns the dead letters that a complete run must report for an entity, by code.
    pub fn dead_letters(&self, entity: &str) -> BTreeMap<&'static str, u64> {
        let mut codes = BTreeMap::new();
        for ((planted_in, dirt), count) in &self.planted {
            if let (true, Some(code)) = (*planted_in == entity, dirt.code()) {
                *codes.entry(code).or_default() += count;
            }
        }
        codes
    }
}

/// Writes the dump into a folder, which is created; files of an earlier one are replaced.
pub fn crm(dir: &Path, options: Options) -> io::Result<Summary> {
    fs::create_dir_all(dir)?;
    let mut summary = Summary::default();
    for entity in crm::ENTITIES {
        let plan = entity.plan(options.scale);
        let mut dump = Dump::create(dir, entity.collection, entity.is_packed)?;
        for index in 0..plan.len() {
            dump.write(&crm::document(entity, &plan, index, options))?;
            *summary.documents.entry(entity.name).or_default() += 1;
            if let Some(dirt) = plan[index] {
                *summary.planted.entry((entity.name, dirt)).or_default() += 1;
            }
        }
        dump.finish()?;
    }
    Ok(summary)
}

/// One collection's dump file.
enum Dump {
    Plain(BufWriter<File>),
    Packed(GzEncoder<BufWriter<File>>),
}

impl Dump {
    fn create(dir: &Path, collection: &str, is_packed: bool) -> io::Result<Self> {
        // A dump holds a collection once.
        let (ending, other) = if is_packed { (".gz", "") } else { ("", ".gz") };
        for file in [format!("{collection}.bson{other}"), format!("{collection}.metadata.json{other}")] {
            match fs::remove_file(dir.join(file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let mut metadata = Self::open(&dir.join(format!("{collection}.metadata.json{ending}")), is_packed)?;
        let text = format!(
            "{{\"indexes\":[{{\"v\":{{\"$numberInt\":\"2\"}},\"key\":{{\"_id\":{{\"$numberInt\":\"1\"}}}},\"name\":\"_id_\"}}],\
             \"collectionName\":\"{collection}\",\"type\":\"collection\"}}"
        );
        metadata.write_all(text.as_bytes())?;
        metadata.finish()?;
        Self::open(&dir.join(format!("{collection}.bson{ending}")), is_packed)
    }

    fn open(path: &Path, is_packed: bool) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        Ok(if is_packed { Self::Packed(GzEncoder::new(file, Compression::fast())) } else { Self::Plain(file) })
    }

    fn write(&mut self, document: &Document) -> io::Result<()> {
        let bson = RawDocumentBuf::try_from(document).map_err(io::Error::other)?;
        self.write_all(bson.as_bytes())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Packed(file) => file.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Packed(file) => file.finish()?.flush(),
        }
    }
}
