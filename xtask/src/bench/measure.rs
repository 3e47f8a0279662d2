//! The order of the measurements, and their table.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use super::Args;
use super::dump;
use super::dump::Ids;
use super::nextcrm;
use super::postgres;
use super::postgres::Server;
use super::process;
use super::process::Measured;
use super::sqlite;
use super::transform;
use xtask::generate;

use crate::benchmarks;
use crate::say;

/// How many times 22,000 documents the CRM has.
const CRM_SCALE: u32 = 2;
/// The database that is made and dropped.
pub(super) const DATABASE: &str = "whimbrel_bench";

/// Measures everything, prints it, and writes docs/benchmarks.md.
pub fn run(root: &Path, args: &Args) -> Result<(), Box<dyn Error>> {
    let binary = root.join("target/debug/whimbrel");
    if !root.join("plugins/mongo_to_sql.wasm").exists() {
        return Err("there is no plugins/mongo_to_sql.wasm: run `cargo xtask plugins` first".into());
    }
    let folder = tempfile::tempdir()?;
    let mut bench =
        Bench { root, binary, folder: folder.path().to_owned(), runs: args.runs.max(1), out: String::new() };
    if args.nextcrm_only {
        nextcrm::measure(&mut bench, &mut Server::connect()?, args.nextcrm)?;
    } else {
        bench.sandbox()?;
        bench.end_to_end(args)?;
    }
    say(&bench.out);
    if !args.no_write && !args.nextcrm_only {
        benchmarks::write_speed(root, &format!("{HEAD}\n{}{}", machine(), bench.out))?;
    }
    Ok(())
}

const HEAD: &str = "# Benchmarks

Made by one command, which prints the same tables and writes them here:

    cargo xtask plugins && cargo xtask bench

Both sides of a ratio are measured by turns in one run; times are medians, from the start of a process to its end.
";

/// What is measured with, and what has been measured.
pub(super) struct Bench<'a> {
    root: &'a Path,
    pub(super) binary: PathBuf,
    folder: PathBuf,
    pub(super) runs: usize,
    pub(super) out: String,
}

/// What is migrated.
struct Dump {
    folder: PathBuf,
    ids: Ids,
    documents: u64,
    bytes: u64,
}

impl Dump {
    fn manifest(&self) -> PathBuf {
        self.folder.join("migration.toml")
    }
}

/// The medians of one dump on one target.
#[derive(Clone, Copy)]
struct Line {
    target: &'static str,
    ids: Ids,
    documents: u64,
    seconds: f64,
    bare_seconds: f64,
    mebibytes: f64,
}

impl Line {
    fn new(target: &'static str, dump: &Dump, compared: &Compared) -> Self {
        Self {
            target,
            ids: dump.ids,
            documents: dump.documents,
            seconds: seconds(&compared.whimbrel),
            bare_seconds: median(compared.bare_seconds.clone()),
            mebibytes: mebibytes(&compared.whimbrel),
        }
    }
}

/// What is compared on one target.
struct Compared {
    whimbrel: Vec<Measured>,
    bare_seconds: Vec<f64>,
}

impl Bench<'_> {
    fn sandbox(&mut self) -> Result<(), Box<dyn Error>> {
        writeln!(self.out, "\n## The sandbox: mongo-to-sql as a component and natively\n")?;
        writeln!(
            self.out,
            "CPU time a document of about 600 bytes and 15 fields, 1,000 a call; the component's includes creating the \
             instance and `configure`. Both end with the same owned rows.\n"
        )?;
        writeln!(self.out, "| rows a document | native, µs | component, µs | × native | goal | an empty call, µs |")?;
        writeln!(self.out, "| --- | ---: | ---: | ---: | --- | ---: |")?;
        for shape in transform::run(&self.root.join("plugins"))? {
            let micros = |time: std::time::Duration| time.as_secs_f64() * 1e6;
            writeln!(
                self.out,
                "| {} | {:.2} | {:.2} | **{:.2}** | ≤ 1.5 | {:.0} |",
                shape.name,
                micros(shape.native),
                micros(shape.component),
                shape.ratio(),
                micros(shape.empty_call),
            )?;
        }
        Ok(())
    }

    fn end_to_end(&mut self, args: &Args) -> Result<(), Box<dyn Error>> {
        let mut server = match Server::connect() {
            Ok(server) => Some(server),
            Err(error) => {
                say(&format!("SKIPPED: PostgreSQL: {error}"));
                None
            }
        };
        let mut dumps = Vec::new();
        for (ids, name) in [(Ids::Uuid, "uuid"), (Ids::Kept, "kept")] {
            for times in [1, args.times].into_iter().filter(|times| *times > 0) {
                let (folder, documents) = (self.folder.join(format!("{name}-{times}")), args.documents * times);
                let bytes = dump::write(&folder, &self.root.join("plugins"), documents, ids)?;
                dumps.push(Dump { folder, ids, documents, bytes });
            }
        }
        // The component is compiled once and kept; this run is not measured.
        self.on_sqlite(&dumps[0].manifest(), dumps[0].ids)?;
        writeln!(self.out, "\n## BSON dump → WASM → target\n")?;
        writeln!(
            self.out,
            "Documents of {} bytes and 16 fields, one row of 16 columns each. The bare loop (prepared inserts, COPY in binary \
             form) writes the same rows, as the target gave them back, into the same table with the same constraints, \
             durability and rows a transaction, and does nothing else; the table is made before anything is measured. \
             Computed ids scatter over the primary key's index, which then costs the target more the larger it is, with \
             whimbrel or without; kept ids ascend.\n\nGoals: at least 60 % of the bare loop at {} documents; for ten times as \
             many at most 1.15 × the time a record, 1.10 × the memory and 200 MB.\n",
            dumps[0].bytes / dumps[0].documents.max(1),
            args.documents,
        )?;
        writeln!(
            self.out,
            "| target | ids | documents | whimbrel, s | bare loop, s | of the bare loop | time a record | bare loop's | peak, MiB | memory |"
        )?;
        writeln!(self.out, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        let mut first: Option<Line> = None;
        for dump in &dumps {
            let line = Line::new("SQLite", dump, &self.compare_on_sqlite(dump)?);
            first = self.line(&line, first.take())?;
        }
        if let Some(server) = &mut server {
            for dump in &dumps {
                let line = Line::new("PostgreSQL", dump, &self.compare_on_postgres(dump, server)?);
                first = self.line(&line, first.take())?;
            }
        }

        writeln!(self.out, "\n## A CRM of five collections and eight tables\n")?;
        writeln!(self.out, "References, child rows, enums and planted dirt: `examples/crm`.\n")?;
        writeln!(self.out, "| target | documents | s | records/s | peak memory, MiB |")?;
        writeln!(self.out, "| --- | ---: | ---: | ---: | ---: |")?;
        let crm = self.example("crm", &["schema.sql"])?;
        generate::crm(&crm.with_file_name("dump").join("crm"), generate::Options { seed: 1, scale: CRM_SCALE })?;
        let mut targets: Vec<(&str, Vec<Measured>)> =
            vec![("SQLite", self.repeat(&mut |bench| bench.on_sqlite(&crm, Ids::Uuid))?)];
        if let Some(server) = &mut server {
            targets.push(("PostgreSQL", self.repeat(&mut |bench| bench.on_postgres(&crm, server))?));
        }
        for (target, runs) in targets {
            let (seconds, records) = (seconds(&runs), runs[0].records);
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rate = records as f64 / seconds;
            writeln!(self.out, "| {target} | {records} | {seconds:.2} | {rate:.0} | {:.0} |", mebibytes(&runs))?;
        }
        match &mut server {
            Some(server) => nextcrm::measure(self, server, args.nextcrm),
            None => Ok(()),
        }
    }

    /// Writes a line, compared with the shorter one of the same target and ids; returns what the next is compared with.
    fn line(&mut self, line: &Line, first: Option<Line>) -> Result<Option<Line>, Box<dyn Error>> {
        let first = first.filter(|first| (first.target, first.ids) == (line.target, line.ids)).unwrap_or(*line);
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let times = line.documents as f64 / first.documents as f64;
        writeln!(
            self.out,
            "| {} | {} | {} | {:.2} | {:.2} | **{:.0} %** | {:.2} × | {:.2} × | {:.0} | {:.2} × |",
            line.target,
            if line.ids == Ids::Uuid { "computed" } else { "kept" },
            line.documents,
            line.seconds,
            line.bare_seconds,
            100.0 * line.bare_seconds / line.seconds,
            line.seconds / first.seconds / times,
            line.bare_seconds / first.bare_seconds / times,
            line.mebibytes,
            line.mebibytes / first.mebibytes,
        )?;
        Ok(Some(first))
    }

    /// Copies an example's manifest and schemas; returns the manifest.
    pub(super) fn example(&self, name: &str, schemas: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
        let (folder, example) = (self.folder.join(name), self.root.join("examples").join(name));
        fs::create_dir_all(&folder)?;
        let plugins = format!("plugins = \"{}\"", self.root.join("plugins").display());
        let manifest = fs::read_to_string(example.join("migration.toml"))?;
        fs::write(folder.join("migration.toml"), manifest.replace("plugins = \"../../plugins\"", &plugins))?;
        for schema in schemas {
            fs::copy(example.join(schema), folder.join(schema))?;
        }
        Ok(folder.join("migration.toml"))
    }

    fn compare_on_sqlite(&self, dump: &Dump) -> Result<Compared, Box<dyn Error>> {
        let mut compared = Compared { whimbrel: Vec::new(), bare_seconds: Vec::new() };
        let mut rows = None;
        for _ in 0..self.runs {
            let measured = self.on_sqlite(&dump.manifest(), dump.ids)?;
            if rows.is_none() {
                rows = Some(sqlite::rows(&self.folder.join("target.db"))?);
            }
            let rows = rows.as_ref().expect("set above");
            sqlite::create(&self.folder.join("target.db"), dump.ids)?;
            let bare = sqlite::write(&self.folder.join("target.db"), rows, rows_a_transaction(rows.len(), &measured))?;
            say(&format!("SQLite, {} documents: {:.2} s, bare loop {bare:.2} s", dump.documents, measured.seconds));
            compared.whimbrel.push(measured);
            compared.bare_seconds.push(bare);
        }
        Ok(compared)
    }

    fn compare_on_postgres(&self, dump: &Dump, server: &mut Server) -> Result<Compared, Box<dyn Error>> {
        let mut compared = Compared { whimbrel: Vec::new(), bare_seconds: Vec::new() };
        let mut rows: Option<postgres::Rows> = None;
        for _ in 0..self.runs {
            let url = server.create_with_schema(DATABASE, &dump.ids.schema())?;
            let measured = process::run(&self.binary, &dump.manifest(), &url)?;
            if rows.is_none() {
                let records = usize::try_from(measured.records)?;
                rows = Some(server.rows(&url, "orders", rows_a_transaction(records, &measured))?);
            }
            let url = server.create_with_schema(DATABASE, &dump.ids.schema())?;
            let bare = server.write(&url, rows.as_slice())?;
            say(&format!("PostgreSQL, {} documents: {:.2} s, bare loop {bare:.2} s", dump.documents, measured.seconds));
            compared.whimbrel.push(measured);
            compared.bare_seconds.push(bare);
        }
        server.drop_database(DATABASE)?;
        Ok(compared)
    }

    fn on_sqlite(&self, manifest: &Path, ids: Ids) -> Result<Measured, Box<dyn Error>> {
        let file = self.folder.join("target.db");
        match brings_schema(manifest) {
            true => sqlite::remove(&file)?,
            false => sqlite::create(&file, ids)?,
        }
        process::run(&self.binary, manifest, &format!("sqlite:{}", file.display()))
    }

    fn on_postgres(&self, manifest: &Path, server: &mut Server) -> Result<Measured, Box<dyn Error>> {
        let url = server.create(DATABASE)?;
        let measured = process::run(&self.binary, manifest, &url)?;
        server.drop_database(DATABASE)?;
        Ok(measured)
    }

    fn repeat(
        &self,
        once: &mut dyn FnMut(&Self) -> Result<Measured, Box<dyn Error>>,
    ) -> Result<Vec<Measured>, Box<dyn Error>> {
        let mut runs = Vec::new();
        for _ in 0..self.runs {
            let measured = once(self)?;
            say(&format!("{} records: {:.2} s, {:.0} MiB", measured.records, measured.seconds, mebibytes(&[measured])));
            runs.push(measured);
        }
        Ok(runs)
    }
}

/// The CRM's manifest has a schema file; for the orders the table is made before anything is measured.
fn brings_schema(manifest: &Path) -> bool {
    manifest.with_file_name("schema.sql").exists()
}

/// Returns how many rows a transaction of a migration had.
pub(super) fn rows_a_transaction(rows: usize, measured: &Measured) -> usize {
    rows.div_ceil(usize::try_from(measured.batches).unwrap_or(1).max(1)).max(1)
}

/// Returns the median.
pub(super) fn seconds(runs: &[Measured]) -> f64 {
    median(runs.iter().map(|run| run.seconds).collect())
}

/// Returns the median of the peaks.
#[expect(clippy::cast_precision_loss, reason = "memory for people")]
pub(super) fn mebibytes(runs: &[Measured]) -> f64 {
    median(runs.iter().map(|run| run.peak_kib.unwrap_or(0) as f64 / 1024.0).collect())
}

/// Returns the median.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What the numbers depend on, in general terms.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "Measured on {} {} with {cores} cores, the databases on the same machine.\n",
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}
