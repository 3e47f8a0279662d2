//! A managed export of Firestore: a folder of LevelDB logs with an EntityProto for each document, and the files that say what
//! belongs to it. Either all kinds together, as the emulator exports, or each kind (a collection's own name) in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use super::entity;
use super::entity::Filing;
use super::log::Log;
use super::value::Fields;
use super::value::Store;

/// When every export began, in microseconds, and how long it took: the same options give the same bytes.
const STARTED: u64 = 1_740_794_400_123_456;
const TOOK: u64 = 41_563_000;
/// The version that the first record of an overall file holds.
const VERSION: &[u8] = b"3";
const NAME: &str = "firestore_export";

/// How an export is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `all_kinds/output-N`.
    AllKinds,
    /// `kind_NAME/output-N`, with indexed properties.
    PerKind,
}

/// An export while it is written.
pub(super) struct Export {
    dir: PathBuf,
    app: String,
    layout: Layout,
    /// Documents of one output file.
    shard_documents: u64,
    kinds: BTreeMap<String, Kind>,
}

/// One folder of an export.
struct Kind {
    folder: PathBuf,
    log: Log,
    shards: u64,
    /// Documents of the last shard.
    filled: u64,
    documents: u64,
    bytes: u64,
}

impl Export {
    /// Begins an export of a project's default database into a folder, which is made anew.
    pub(super) fn create(dir: &Path, project: &str, layout: Layout, shard_documents: u64) -> io::Result<Self> {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(dir)?,
        }
        Ok(Self {
            dir: dir.to_owned(),
            app: format!("dev~{project}"),
            layout,
            shard_documents: shard_documents.max(1),
            kinds: BTreeMap::new(),
        })
    }

    fn folder_name(&self, kind: &str) -> String {
        match self.layout {
            Layout::AllKinds => "all_kinds".to_owned(),
            Layout::PerKind => format!("kind_{kind}"),
        }
    }

    fn metadata_path(folder: &str) -> String {
        format!("all_namespaces/{folder}/all_namespaces_{folder}.export_metadata")
    }
}

impl Store for Export {
    fn document(&mut self, path: &str, fields: &Fields) -> io::Result<()> {
        let kind = path.rsplit('/').nth(1).unwrap_or_default();
        let folder = self.folder_name(kind);
        if !self.kinds.contains_key(&folder) {
            let path = self.dir.join("all_namespaces").join(&folder);
            fs::create_dir_all(&path)?;
            self.kinds.insert(folder.clone(), Kind::create(path)?);
        }
        let filing = if self.layout == Layout::AllKinds { Filing::Raw } else { Filing::Indexed };
        let record = entity::entity(&self.app, path, fields, filing);
        let kind = self.kinds.get_mut(&folder).ok_or_else(|| io::Error::other("the kind was just made"))?;
        kind.record(&record, self.shard_documents)
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut overall = Log::create(&self.dir.join(format!("{NAME}.overall_export_metadata")))?;
        overall.record(VERSION)?;
        let mut pointers = Vec::new();
        let mut kinds = std::mem::take(&mut self.kinds);
        for (folder, kind) in &mut kinds {
            kind.end_shard()?;
            let path = Self::metadata_path(folder);
            fs::write(self.dir.join(&path), kind.metadata())?;
            let mut set = Vec::new();
            match folder.strip_prefix("kind_") {
                Some(name) => {
                    entity::number(&mut set, 1, 1);
                    entity::bytes(&mut set, 2, name.as_bytes());
                }
                None => entity::number(&mut set, 1, 2),
            }
            entity::number(&mut set, 3, 3);
            let mut pointer = Vec::new();
            entity::bytes(&mut pointer, 1, &set);
            entity::bytes(&mut pointer, 2, path.as_bytes());
            entity::number(&mut pointer, 3, kind.documents);
            entity::number(&mut pointer, 4, kind.bytes);
            entity::bytes(&mut pointers, 1, &pointer);
        }
        overall.record(&pointers)?;
        overall.finish()?;
        Ok(())
    }
}

impl Kind {
    fn create(folder: PathBuf) -> io::Result<Self> {
        let log = Log::create(&folder.join("output-0"))?;
        Ok(Self { folder, log, shards: 1, filled: 0, documents: 0, bytes: 0 })
    }

    fn record(&mut self, record: &[u8], shard_documents: u64) -> io::Result<()> {
        if self.filled == shard_documents {
            self.end_shard()?;
            self.log = Log::create(&self.folder.join(format!("output-{}", self.shards)))?;
            self.shards += 1;
            self.filled = 0;
        }
        self.filled += 1;
        self.documents += 1;
        self.log.record(record)
    }

    fn end_shard(&mut self) -> io::Result<()> {
        self.bytes += self.log.finish()?;
        Ok(())
    }

    /// Names the output files, and when they were written.
    fn metadata(&self) -> Vec<u8> {
        let mut export = Vec::new();
        entity::bytes(&mut export, 1, NAME.as_bytes());
        entity::number(&mut export, 2, STARTED);
        entity::number(&mut export, 3, STARTED + TOOK);
        let mut out = Vec::new();
        entity::bytes(&mut out, 1, &export);
        for shard in 0..self.shards {
            let mut file = Vec::new();
            entity::bytes(&mut file, 1, b"");
            entity::bytes(&mut file, 2, format!("output-{shard}").as_bytes());
            entity::bytes(&mut out, 2, &file);
        }
        out
    }
}
