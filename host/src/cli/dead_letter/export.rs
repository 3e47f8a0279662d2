//! `whimbrel dead-letter export`: the originals as Extended JSON lines, one file an entity, for a `mongoexport:` source.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use bson::RawDocument;
use clap::Args;

use super::Which;
use super::check_entity;
use super::open;
use crate::cli::DONE;
use crate::cli::ManifestArg;
use crate::cli::report;
use crate::connector::extended_json;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::bookkeeping::Bookkeeping;
use crate::run::bookkeeping::StoredLetter;

/// Letters that are read at once at most.
const PAGE: i64 = 500;

/// What `export` takes.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The folder that gets one file an entity, named after it
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    which: Which,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// Writes the files.
pub async fn export(args: &ExportArgs, json: bool) -> Result<u8, Failure> {
    let manifest = Manifest::read(&args.manifest.manifest)?;
    check_entity(&manifest, args.which.entity.as_ref())?;
    let target = open(&manifest, Mode::ReadOnly).await?;
    let mut files = Files { folder: &args.folder, force: args.force, open: BTreeMap::new() };
    let mut left_out = Vec::new();
    if target.has_own_tables().await? {
        let books = Bookkeeping::new(&*target, &manifest.tables.name);
        let mut tx = target.begin().await?;
        let which = args.which.letters(None);
        let mut after = 0;
        loop {
            let page = books.dead_letters(&mut *tx, &which, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for stored in &page {
                match line(stored) {
                    Some(line) => files.write(&stored.entity, &line)?,
                    None => left_out.push(stored.id),
                }
            }
        }
        tx.rollback().await?;
    }
    let written = files.finish()?;
    report::exported(&args.folder, &written, &left_out, json);
    Ok(DONE)
}

/// Returns an original as Extended JSON that reads back as the same bytes; `None` where it has no such form.
fn line(stored: &StoredLetter) -> Option<String> {
    let original = &stored.letter.original;
    if !stored.letter.is_bson || stored.letter.code == "malformed-bson" {
        return None;
    }
    let text = extended_json::to_canonical(RawDocument::from_bytes(original).ok()?).ok()?;
    let again = extended_json::from_extended_json(&text).ok()?;
    (again == *original).then_some(text)
}

/// The files being written, by entity.
struct Files<'a> {
    folder: &'a Path,
    force: bool,
    open: BTreeMap<String, (BufWriter<File>, u64)>,
}

impl Files<'_> {
    fn write(&mut self, entity: &str, line: &str) -> Result<(), Failure> {
        let path = self.folder.join(format!("{entity}.json"));
        let failed = |error| Failure::failed(format!("cannot write `{}`", path.display())).cause(error);
        if !self.open.contains_key(entity) {
            std::fs::create_dir_all(self.folder).map_err(failed)?;
            if path.exists() && !self.force {
                return Err(Failure::usage(format!("`{}` is there already", path.display()))
                    .hint("name another folder, or say `--force`"));
            }
            let file = File::create(&path).map_err(failed)?;
            self.open.insert(entity.to_owned(), (BufWriter::new(file), 0));
        }
        if let Some((file, lines)) = self.open.get_mut(entity) {
            writeln!(file, "{line}").map_err(failed)?;
            *lines += 1;
        }
        Ok(())
    }

    /// Returns the files with the number of their lines.
    fn finish(self) -> Result<Vec<(PathBuf, u64)>, Failure> {
        let mut written = Vec::new();
        for (entity, (mut file, lines)) in self.open {
            let path = self.folder.join(format!("{entity}.json"));
            file.flush().map_err(|error| Failure::failed(format!("cannot write `{}`", path.display())).cause(error))?;
            written.push((path, lines));
        }
        Ok(written)
    }
}
