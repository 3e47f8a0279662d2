//! The BSON specification's own cases, through the whole of a run: a value that a column can hold arrives in it, every
//! other one is set aside with its bytes untouched, and what is no BSON is refused where it stands.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use bson::Bson;
use bson::Document;
use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::database::hex;
use whimbrel_tests::shared_data;

/// Codes of values that no column takes.
const REFUSALS: [&str; 9] = [
    "type-mismatch",
    "malformed-value",
    "malformed-row",
    "not-finite",
    "out-of-range",
    "nul-character",
    "precision",
    "value",
    "unknown-entity",
];

/// One file of the corpus.
struct Kind {
    name: String,
    /// The cases' documents, each with its number in front.
    documents: Vec<(String, Document, Vec<u8>)>,
    /// All fields of all documents.
    fields: BTreeSet<String>,
}

#[test]
fn valid_values_arrive_or_are_set_aside_whole() {
    let Some(kinds) = kinds() else { return };
    for target in Database::each() {
        let by_payload = ["echo-bson", "echo-extended-json"].map(|guest| {
            let target = target.another();
            let folder = tempfile::tempdir().unwrap();
            migrate(folder.path(), &kinds, guest, &target).expect(3);
            let found: Vec<BTreeMap<i32, Found>> = kinds.iter().map(|kind| found(kind, &target)).collect();
            for (kind, found) in kinds.iter().zip(&found) {
                check(kind, found, target.kind());
            }
            found
        });
        let (bson, text) = (&by_payload[0], &by_payload[1]);
        for ((kind, bson), text) in kinds.iter().zip(bson).zip(text) {
            assert_eq!(bson, text, "{}: a payload as text is the same payload", kind.name);
        }
    }
}

/// What became of one case.
#[derive(Debug, PartialEq)]
enum Found {
    Row(Vec<Option<String>>),
    Dead { code: String, original: String },
}

fn kinds() -> Option<Vec<Kind>> {
    components::guests();
    let mut kinds = Vec::new();
    for (name, corpus) in files()? {
        let mut kind = Kind { name, documents: Vec::new(), fields: BTreeSet::new() };
        for (index, case) in corpus["valid"].as_array().into_iter().flatten().enumerate() {
            let bytes = bytes(case["canonical_bson"].as_str().unwrap());
            let document = Document::from_reader(bytes.as_slice()).unwrap();
            kind.fields.extend(document.keys().cloned());
            let number = i32::try_from(index).unwrap() + 1;
            kind.documents.push((case["description"].to_string(), document, numbered(number, &bytes)));
        }
        if !kind.documents.is_empty() {
            kinds.push(kind);
        }
    }
    assert!(kinds.iter().map(|kind| kind.documents.len()).sum::<usize>() > 300);
    Some(kinds)
}

fn files() -> Option<Vec<(String, Json)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(shared_data("bson-corpus")?).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().replace('-', "_");
        files.push((name, serde_json::from_slice(&fs::read(&path).unwrap()).unwrap()));
    }
    files.sort_by(|one, other| one.0.cmp(&other.0));
    Some(files)
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The same document with a number in front, byte for byte.
fn numbered(number: i32, document: &[u8]) -> Vec<u8> {
    let mut numbered = Vec::new();
    let length = i32::try_from(document.len() + 7).unwrap();
    numbered.extend_from_slice(&length.to_le_bytes());
    numbered.extend_from_slice(b"\x10n\0");
    numbered.extend_from_slice(&number.to_le_bytes());
    numbered.extend_from_slice(&document[4..]);
    numbered
}

/// The column for the values of a file; those of types that no column has would have to be text, and are not.
fn column(kind: &Kind, target: &Database) -> &'static str {
    let is_sqlite = target.kind() == "sqlite";
    match kind.name.as_str() {
        "double" if is_sqlite => "DOUBLE",
        "double" => "DOUBLE PRECISION",
        "int32" => "INTEGER",
        "int64" => "BIGINT",
        "boolean" => "BOOLEAN",
        "binary" if is_sqlite => "BLOB",
        "binary" => "BYTEA",
        "datetime" => "TIMESTAMPTZ",
        name if name.starts_with("decimal128") => "NUMERIC",
        _ => "TEXT",
    }
}

fn migrate(folder: &Path, kinds: &[Kind], guest: &str, target: &Database) -> Ended {
    let mut manifest = format!(
        "version = 1\nname = \"corpus\"\nplugins = \"{}\"\n[source.corpus]\nurl = \"mongodump:./dump\"\n\
         [target]\nurl = \"{}\"\nschema = \"schema.sql\"\n\
         [defaults]\ntransform = \"{guest}\"\nid = \"keep\"\ndead-letters-max = \"100%\"\n",
        components::guests().display(),
        target.url
    );
    let mut schema = String::new();
    fs::create_dir(folder.join("dump")).unwrap();
    for kind in kinds {
        let fields: Vec<&String> = kind.fields.iter().collect();
        let names = serde_json::to_string(&[vec![&"n".to_owned()], fields.clone()].concat()).unwrap();
        let _ = write!(
            manifest,
            "[[entity]]\nname = \"{0}\"\nfrom = \"corpus.{0}\"\nkey = \"n\"\ninto = [\"{0}\"]\nallow-empty = [\"{0}\"]\n\
             config.columns = {names}\n",
            kind.name
        );
        let columns = fields.iter().map(|field| format!("\"{field}\" {}", column(kind, target)));
        let columns: Vec<String> = columns.collect();
        let _ = writeln!(schema, "CREATE TABLE \"{}\" (n INTEGER PRIMARY KEY, {});", kind.name, columns.join(", "));
        let dump: Vec<u8> = kind.documents.iter().flat_map(|(_, _, bytes)| bytes.clone()).collect();
        fs::write(folder.join(format!("dump/{}.bson", kind.name)), dump).unwrap();
    }
    fs::write(folder.join("migration.toml"), manifest).unwrap();
    fs::write(folder.join("schema.sql"), schema).unwrap();
    let manifest = folder.join("migration.toml").display().to_string();
    Whimbrel::new(["--json", "run", &manifest, "--execute", "--yes"]).run()
}

/// What became of every case of a file, by its number.
fn found(kind: &Kind, target: &Database) -> BTreeMap<i32, Found> {
    let fields: Vec<String> = kind.fields.iter().map(|field| format!("\"{field}\"")).collect();
    let rows = target.query(&format!("SELECT n, {} FROM \"{}\"", fields.join(", "), kind.name));
    let mut found: BTreeMap<i32, Found> = BTreeMap::new();
    for mut row in rows {
        let number = row.remove(0).unwrap().parse().unwrap();
        found.insert(number, Found::Row(row));
    }
    let own = if target.kind() == "sqlite" { "whimbrel_dead_letter" } else { "whimbrel.dead_letter" };
    let letters = format!("SELECT document, code, original FROM {own} WHERE entity = '{}'", kind.name);
    for letter in target.query(&letters) {
        let [number, code, original] = <[_; 3]>::try_from(letter).unwrap().map(Option::unwrap);
        let earlier = found.insert(number.parse().unwrap(), Found::Dead { code, original });
        assert!(earlier.is_none(), "{}: {number} has a row and a dead letter", kind.name);
    }
    found
}

fn check(kind: &Kind, found: &BTreeMap<i32, Found>, target: &str) {
    assert_eq!(found.len(), kind.documents.len(), "{}: every case has come to something", kind.name);
    let mut rows = 0;
    for ((description, document, bytes), found) in kind.documents.iter().zip(found.values()) {
        let name = format!("{target}: {} {description}", kind.name);
        let expected: Vec<Expected> =
            kind.fields.iter().map(|field| expected(document.get(field), kind, target)).collect();
        match found {
            Found::Dead { code, original } => {
                assert!(REFUSALS.contains(&code.as_str()), "{name}: {code}");
                assert_eq!(*original, hex(bytes), "{name}: the original is kept byte for byte");
                assert!(
                    expected.contains(&Expected::Refused) || expected.contains(&Expected::Either),
                    "{name}: {code}"
                );
            }
            Found::Row(cells) => {
                rows += 1;
                for (cell, expected) in cells.iter().zip(expected) {
                    match expected {
                        Expected::Cell(expected) => assert_eq!(normal(cell, kind), expected, "{name}"),
                        Expected::Refused => panic!("{name}: expected a dead letter, found {cell:?}"),
                        Expected::Either => {
                            let value = normal(&document.iter().next().map(|(_, value)| value.to_string()), kind);
                            assert_eq!(normal(cell, kind), value, "{name}");
                        }
                    }
                }
            }
        }
    }
    let holds = ["boolean", "datetime", "double", "int32", "int64", "null", "oid", "string", "binary"];
    let holds_decimals = target == "postgres" && kind.name.starts_with("decimal128");
    assert!(rows > 0 || !(holds.contains(&kind.name.as_str()) || holds_decimals), "{}: nothing arrived", kind.name);
}

#[derive(Debug, PartialEq)]
enum Expected {
    /// This, in the form that [`normal`] gives.
    Cell(Option<String>),
    /// No column holds it.
    Refused,
    /// The column says whether it can give it back exactly.
    Either,
}

/// What must become of a value.
fn expected(value: Option<&Bson>, kind: &Kind, target: &str) -> Expected {
    let Some(value) = value else { return Expected::Cell(None) };
    let text = |text: &str| Expected::Cell(normal(&Some(text.to_owned()), kind));
    match value {
        Bson::Null => Expected::Cell(None),
        Bson::Boolean(value) if target == "sqlite" => text(if *value { "1" } else { "0" }),
        Bson::Boolean(value) => text(&value.to_string()),
        Bson::Int32(value) if kind.name == "int32" => text(&value.to_string()),
        Bson::Int64(value) => text(&value.to_string()),
        // SQLite has no NaN: it would make NULL of it.
        Bson::Double(value) if value.is_nan() && target == "sqlite" => Expected::Refused,
        // SQLite keeps a real number without fraction as an integer, which has one zero.
        Bson::Double(value) if *value == 0.0 && target == "sqlite" => text("0.0"),
        Bson::Double(value) => text(&value.to_string()),
        Bson::String(value) if value.contains('\0') => Expected::Refused,
        Bson::String(value) => text(value),
        Bson::ObjectId(value) => text(&value.to_hex()),
        Bson::DateTime(value) if value.is_of_a_known_year() => text(&value.try_to_rfc3339_string().unwrap()),
        Bson::Binary(value) if value.subtype == bson::spec::BinarySubtype::Generic => text(&hex(&value.bytes)),
        Bson::Decimal128(value) if value.to_string().contains(['N', 'I']) => Expected::Refused,
        Bson::Decimal128(value) if target == "postgres" => text(&value.to_string()),
        Bson::Decimal128(_) => Expected::Either,
        _ => Expected::Refused,
    }
}

trait Years {
    /// Whether a column can hold it: the years 1 to 9999.
    fn is_of_a_known_year(&self) -> bool;
}

impl Years for bson::DateTime {
    fn is_of_a_known_year(&self) -> bool {
        (-62_135_596_800_000..=253_402_300_799_999).contains(&self.timestamp_millis())
    }
}

/// One form for what different databases write differently.
fn normal(cell: &Option<String>, kind: &Kind) -> Option<String> {
    let cell = cell.as_ref()?;
    Some(match kind.name.as_str() {
        // A zero keeps its sign, a NaN has no payload.
        "double" => match cell.parse::<f64>().unwrap() {
            number if number.is_nan() => "NaN".to_owned(),
            number => number.to_bits().to_string(),
        },
        "datetime" => {
            let plain = cell.replace(' ', "T").replace("+00:00", "").replace('Z', "");
            let plain = plain.strip_suffix("+00").unwrap_or(&plain);
            if plain.contains('.') { plain.trim_end_matches('0').to_owned() } else { plain.to_owned() }
        }
        name if name.starts_with("decimal128") => plain_decimal(cell),
        _ => cell.clone(),
    })
}

/// Sign, digits without zeros at either end, and exponent.
fn plain_decimal(text: &str) -> String {
    let (mantissa, exponent) = match text.split_once(['E', 'e']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().unwrap()),
        None => (text, 0),
    };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let fraction = mantissa.split_once('.').map_or("", |(_, fraction)| fraction);
    let digits = mantissa.replace('.', "");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    let significant = digits.trim_end_matches('0');
    let exponent = exponent - i64::try_from(fraction.len()).unwrap();
    let exponent = exponent + i64::try_from(digits.len() - significant.len()).unwrap();
    format!("{sign}{significant}e{exponent}")
}

#[test]
fn what_cannot_be_decoded_is_refused_where_it_stands() {
    let Some(files) = files() else { return };
    components::guests();
    let (mut letters, mut failures) = (0, 0);
    for (name, corpus) in files {
        for case in corpus["decodeErrors"].as_array().into_iter().flatten() {
            let name = format!("{name} {}", case["description"]);
            let kind =
                Kind { name: "broken".to_owned(), documents: Vec::new(), fields: BTreeSet::from(["a".to_owned()]) };
            let (first, last) = (numbered(1, b"\x05\0\0\0\0"), numbered(3, b"\x05\0\0\0\0"));
            let broken = bytes(case["bson"].as_str().unwrap());
            let offset = first.len();
            let kind = Kind {
                documents: vec![(name.clone(), Document::new(), [first, broken.clone(), last].concat())],
                ..kind
            };
            let folder = tempfile::tempdir().unwrap();
            let target = Database::sqlite();
            let ended = migrate(folder.path(), &[kind], "echo-bson", &target);
            let rows = target.query("SELECT n FROM broken ORDER BY n");
            match ended.code {
                Some(3) => {
                    let letters_sql = "SELECT document, position, stage, code, original FROM whimbrel_dead_letter";
                    let expected = ["2", &format!("broken.bson:{offset}"), "read", "malformed-bson", &hex(&broken)];
                    let expected: Vec<_> = expected.map(|cell| Some(cell.to_owned())).to_vec();
                    assert_eq!(target.query(letters_sql), [expected], "{name}");
                    assert_eq!(rows, [[Some("1".to_owned())], [Some("3".to_owned())]], "{name}");
                    letters += 1;
                }
                Some(1) => {
                    let place = format!("broken.bson: byte {offset}, document 2: expected ");
                    assert!(ended.stderr.contains(&place), "{name}: {ended}");
                    assert_eq!(rows, [[Some("1".to_owned())]], "{name}: what stands before it is written");
                    failures += 1;
                }
                _ => panic!("{name}: {ended}"),
            }
        }
    }
    assert!(letters + failures > 40 && failures > 1, "{letters} dead letters, {failures} failures");
}
