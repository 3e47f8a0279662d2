//! The whole of NextCRM into PostgreSQL, beside a bare COPY of all the rows that the migration wrote.

use std::error::Error;
use std::fmt::Write as _;

use super::measure::Bench;
use super::measure::DATABASE;
use super::measure::mebibytes;
use super::measure::median;
use super::measure::rows_a_transaction;
use super::measure::seconds;
use super::postgres::Server;
use super::process;
use crate::say;
use xtask::generate::nextcrm::Options;
use xtask::generate::nextcrm::nextcrm;

const SCHEMA: &str = "schema.postgres.sql";

/// Measures, and writes what it took.
pub fn measure(bench: &mut Bench<'_>, server: &mut Server, records: usize) -> Result<(), Box<dyn Error>> {
    let manifest = bench.example("nextcrm", &[SCHEMA, "schema.sqlite.sql"])?;
    nextcrm(&manifest.with_file_name("dump").join("nextcrm"), Options { records, ..Options::default() })?;
    let schema = std::fs::read_to_string(manifest.with_file_name(SCHEMA))?;
    let (mut runs, mut bare_seconds, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        let url = server.create_with_schema(DATABASE, &schema)?;
        let measured = process::run(&bench.binary, &manifest, &url)?;
        if rows.is_empty() {
            let a_transaction = rows_a_transaction(usize::try_from(measured.records)?, &measured);
            for table in server.tables(&url)? {
                rows.push(server.rows(&url, &table, a_transaction)?);
            }
        }
        let url = server.create_with_schema(DATABASE, &schema)?;
        let bare = server.write(&url, &rows)?;
        say(&format!("NextCRM, {} documents: {:.2} s, bare COPY {bare:.2} s", measured.records, measured.seconds));
        runs.push(measured);
        bare_seconds.push(bare);
    }
    server.drop_database(DATABASE)?;
    let (seconds, bare) = (seconds(&runs), median(bare_seconds));
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = runs[0].records as f64 / seconds;
    writeln!(
        bench.out,
        "\n## NextCRM: 29 collections into 39 tables on PostgreSQL\n\nReferences, 51 foreign keys, 119 indexes, ten junctions \
         from both sides, planted dirt: `examples/nextcrm`. The bare loop copies all rows that the migration wrote, table by \
         table, parents first, in one session; it has nothing of references, junctions, dead letters and bookkeeping.\n\n\
         Goal: at least 60 % of it.\n\n\
         | documents | whimbrel, s | bare COPY, s | of the bare loop | records/s | peak, MiB |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: |\n\
         | {} | {seconds:.2} | {bare:.2} | **{:.0} %** | {rate:.0} | {:.0} |\n",
        runs[0].records,
        100.0 * bare / seconds,
        mebibytes(&runs),
    )?;
    let stages = runs[runs.len() / 2].stages;
    let total: u64 = stages.iter().map(|(_, ms)| ms).sum();
    writeln!(bench.out, "Where the time of its tasks went, waiting for cores and the server included:\n")?;
    writeln!(bench.out, "| stage | ms | share |\n| --- | ---: | ---: |")?;
    for (stage, ms) in stages {
        writeln!(bench.out, "| {stage} | {ms} | {} % |", ms * 100 / total.max(1))?;
    }
    Ok(())
}
