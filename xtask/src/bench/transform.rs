//! What the sandbox costs: a transformer as a component, against the same code compiled natively.
//!
//! Both get the same BSON and end with the same owned rows. The component pays for its instance, for its `configure` and
//! for the check of its rows in every call; the native side is configured once and trusted.

use std::error::Error;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::rawdoc;
use mongo_to_sql::MongoToSql;
use rustix::time::ClockId;
use rustix::time::clock_gettime;
use whimbrel::plugin::Component;
use whimbrel::plugin::Documents;
use whimbrel::plugin::Engine;
use whimbrel::plugin::Limits;
use whimbrel::plugin::Outcome;
use whimbrel::plugin::Pins;
use whimbrel::plugin::PluginRow;
use whimbrel::plugin::Setup;
use whimbrel::plugin::Transformer;
use whimbrel_sdk::Accepted;
use whimbrel_sdk::Record;
use whimbrel_sdk::Transformer as _;
use whimbrel_sdk::bson::Document;

/// Records a call.
const RECORDS: usize = 1000;
/// Measured rounds, each of both sides.
const ROUNDS: usize = 9;
/// Calls of one side in one round.
const CALLS: usize = 100;

const COLUMNS: &str = r#"
    "id": "_id",
    "owner_id": {"from": "owner", "reference": "users"},
    "name": {"from": "name", "required": true},
    "email": "email",
    "status": {"from": "status", "enum": {"Active": "ACTIVE", "Inactive": "INACTIVE"}},
    "employees": {"from": "employees", "as": "integer"},
    "rating": {"from": "rating", "as": "double"},
    "revenue": {"from": "revenue", "as": "decimal"},
    "is_partner": {"from": "partner", "as": "bool"},
    "street": "billing.street",
    "city": "billing.city",
    "created_at": {"from": "createdAt", "as": "timestamp"},
    "updated_at": {"from": "updatedAt", "as": "timestamp"},
    "note": {"from": "note", "default": ""},
    "website": "website""#;
const CHILDREN: &str = r##"{"account_watchers": {"each": "watchers", "key": ["account_id", "user_id"], "columns": {
    "account_id": {"from": "^_id", "reference": "accounts"},
    "user_id": {"from": "$", "reference": "users"},
    "position": "#"}}}"##;

/// One measured shape of rows.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What was measured.
    pub name: &'static str,
    /// CPU time a document of the native side, median.
    pub native: Duration,
    /// CPU time a document of the component, median.
    pub component: Duration,
    /// CPU time of a call without documents: the instance and its `configure`.
    pub empty_call: Duration,
}

impl Measured {
    /// Returns how many times the native time the component takes.
    pub fn ratio(&self) -> f64 {
        self.component.as_secs_f64() / self.native.as_secs_f64()
    }
}

/// Measures both shapes of rows with the component in `plugins`.
pub fn run(plugins: &Path) -> Result<Vec<Measured>, Box<dyn Error>> {
    let cache = tempfile::tempdir()?;
    let engine = Engine::new(Some(cache.path().to_owned()))?;
    let component = Component::load(&engine, &plugins.join("mongo_to_sql.wasm"), "mongo-to-sql")?;
    let plain = format!("{{\"columns\": {{{COLUMNS}}}, \"ignore\": [\"watchers\"]}}");
    let with_children = format!("{{\"columns\": {{{COLUMNS}}}, \"children\": {CHILDREN}}}");
    [("1 row", plain), ("1 row and 2 or 3 child rows", with_children)]
        .into_iter()
        .map(|(name, config)| measure(name, &component, &config))
        .collect()
}

fn measure(name: &'static str, component: &Component, config: &str) -> Result<Measured, Box<dyn Error>> {
    let (bytes, ranges) = documents();
    let batch = Documents { bytes: &bytes, ranges: &ranges };
    let setup = Setup {
        entity: "accounts".to_owned(),
        key: vec!["_id".to_owned()],
        into: Vec::new(),
        config_json: config.to_owned(),
    };
    let pins = Pins { now_us: 0, seed: 0 };
    let (component, _) =
        Transformer::open(component, setup, Limits::default(), pins).map_err(|error| format!("{error:?}"))?;
    let native = native_transformer(config)?;
    if component.transform(batch)? != native_outcomes(&native, batch)?.into_iter().map(Ok).collect::<Vec<_>>() {
        return Err("expected the same rows of both sides, found others".into());
    }
    let (mut natives, mut components) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        natives.push(timed(|| native_outcomes(&native, batch).map(drop))?);
        components.push(timed(|| Ok(component.transform(batch).map(drop)?))?);
    }
    let none = Documents { bytes: &[], ranges: &[] };
    let empty_call = timed(|| Ok(component.transform(none).map(drop)?))? * u32::try_from(RECORDS)?;
    Ok(Measured { name, native: median(natives), component: median(components), empty_call })
}

fn native_transformer(config: &str) -> Result<MongoToSql, Box<dyn Error>> {
    let setup = whimbrel_sdk::Setup { entity: "accounts".to_owned(), key: vec!["_id".to_owned()], into: Vec::new() };
    let config = whimbrel_sdk::config::parse(config).map_err(|problem| problem.message)?;
    MongoToSql::new(&setup, config).map_err(|problems| format!("{problems:?}").into())
}

fn native_outcomes(transformer: &MongoToSql, batch: Documents<'_>) -> Result<Vec<Outcome>, Box<dyn Error>> {
    let mut outcomes = Vec::with_capacity(batch.ranges.len());
    for range in batch.ranges {
        let record = Record::new(Document::new(&batch.bytes[range.clone()])?);
        outcomes.push(match transformer.transform(record) {
            Ok(Accepted::Rows(rows)) => {
                let rows = rows.into_iter().map(|row| PluginRow { table: row.table(), body: row.into_body().into() });
                Outcome::Rows(rows.collect())
            }
            Ok(Accepted::Skip(reason)) => Outcome::Skip(reason),
            Err(found) => Outcome::Reject { code: found.code, field: found.field, message: found.message },
        });
    }
    Ok(outcomes)
}

/// Documents of 15 fields and about 600 bytes, with two or three watchers.
fn documents() -> (Vec<u8>, Vec<Range<usize>>) {
    let mut bytes = Vec::new();
    let ranges = (0..RECORDS).map(|number| {
        let start = bytes.len();
        bytes.extend_from_slice(document(number).as_bytes());
        start..bytes.len()
    });
    let ranges = ranges.collect();
    (bytes, ranges)
}

fn document(number: usize) -> bson::RawDocumentBuf {
    let id = |kind: u8, number: usize| {
        let mut bytes = [kind; 12];
        bytes[4..].copy_from_slice(&(number as u64).to_be_bytes());
        ObjectId::from_bytes(bytes)
    };
    let small = i32::try_from(number % 1000).unwrap_or_default();
    let at = |offset: i64| bson::DateTime::from_millis(1_600_000_000_000 + i64::from(small) * 86_413_000 + offset);
    let mut watchers = bson::RawArrayBuf::new();
    for watcher in 0..2 + number % 2 {
        watchers.push(id(2, number * 3 + watcher));
    }
    rawdoc! {
        "_id": id(1, number),
        "owner": id(2, number / 7),
        "name": format!("Northern Instruments and Trading {number} Ltd."),
        "email": format!("office.{number}@northern-instruments.example"),
        "status": if number.is_multiple_of(5) { "Inactive" } else { "Active" },
        "employees": small,
        "rating": f64::from(small) / 8.0,
        "revenue": format!("{}.{:02}", number * 1373, number % 100),
        "partner": number.is_multiple_of(3),
        "billing": { "street": format!("{} Harbour Street", number % 300), "city": "Hradec Králové" },
        "createdAt": at(0),
        "updatedAt": at(7_654_321),
        "note": "Asked for a call in spring; prefers the morning, and e-mail to the telephone otherwise.",
        "website": format!("https://northern-instruments.example/customers/{number}"),
        "watchers": watchers,
    }
}

/// Returns the CPU time a document of one round.
fn timed(mut call: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let start = cpu_time();
    for _ in 0..CALLS {
        call()?;
    }
    Ok((cpu_time() - start) / u32::try_from(CALLS * RECORDS)?)
}

/// Of all threads of the process: another process on the machine does not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
