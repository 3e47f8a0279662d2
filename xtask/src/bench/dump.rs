//! The documents that are migrated: orders of 16 fields and some 600 bytes, one row of 16 columns each.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use bson::Bson;
use bson::DateTime;
use bson::Document;
use bson::RawDocumentBuf;
use bson::doc;
use bson::oid::ObjectId;

use xtask::generate::random::Random;

/// What the rows' ids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// Computed, which scatters them over the primary key's index.
    Uuid,
    /// The documents' own, which ascend.
    Kept,
}

impl Ids {
    /// Returns the statement that makes the target's table.
    pub fn schema(self) -> String {
        match self {
            Self::Uuid => SCHEMA.to_owned(),
            Self::Kept => SCHEMA.replace("id UUID", "id VARCHAR(24)"),
        }
    }
}

const SCHEMA: &str = "CREATE TABLE orders (
    id UUID PRIMARY KEY,
    number VARCHAR(20) NOT NULL,
    status VARCHAR(10) NOT NULL CHECK (status IN ('OPEN', 'PAID', 'SHIPPED', 'CLOSED')),
    customer VARCHAR(100) NOT NULL,
    email VARCHAR(200) NOT NULL,
    phone VARCHAR(20),
    street VARCHAR(100),
    city VARCHAR(100),
    postal_code VARCHAR(10),
    items INTEGER NOT NULL,
    weight DOUBLE PRECISION,
    total NUMERIC(14, 2) NOT NULL,
    is_gift BOOLEAN NOT NULL,
    note TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
";

const MANIFEST: &str = r#"version = 1
name = "orders"
plugins = "@PLUGINS@"

[source.shop]
url = "mongodump:@DUMP@"

[target]
url = "${TARGET_URL}"

[[entity]]
name = "orders"
id = "@ID@"
from = "shop.Orders"
transform = "mongo-to-sql"
into = ["orders"]
[entity.config.columns]
id = "_id"
number = "number"
status = { from = "status", enum = { open = "OPEN", paid = "PAID", shipped = "SHIPPED", closed = "CLOSED" } }
customer = "customer"
email = "email"
phone = "phone"
street = "address.street"
city = "address.city"
postal_code = "address.postalCode"
items = "items"
weight = "weight"
total = { from = "total", as = "decimal" }
is_gift = "isGift"
note = "note"
created_at = "createdAt"
updated_at = "updatedAt"
"#;

const NAMES: &[&str] =
    &["Anna", "Boris", "Ciara", "Dmytro", "Eliška", "Farid", "Grace", "Hana", "Ivo", "Jana", "Karel"];
const CITIES: &[&str] = &["Brno", "Praha", "Plzeň", "Ostrava", "Wien", "Kyiv", "Dublin", "Graz", "Linz"];
const WORDS: &[&str] = &[
    "deliver",
    "before",
    "noon",
    "please",
    "ring",
    "twice",
    "leave",
    "at",
    "the",
    "door",
    "fragile",
    "invoice",
    "by",
    "mail",
    "neighbour",
    "gate",
    "closed",
    "weekend",
];

/// Writes a dump of so many documents and the manifest into a folder; returns the dump's bytes.
pub fn write(folder: &Path, plugins: &Path, documents: u64, ids: Ids) -> io::Result<u64> {
    fs::create_dir_all(folder.join("dump"))?;
    let mut file = BufWriter::new(File::create(folder.join("dump/Orders.bson"))?);
    let mut bytes = 0;
    for index in 0..documents {
        let document = RawDocumentBuf::try_from(&order(index)).map_err(io::Error::other)?;
        bytes += document.as_bytes().len() as u64;
        file.write_all(document.as_bytes())?;
    }
    file.flush()?;
    let plugins = plugins.display().to_string();
    let id = if ids == Ids::Uuid { "uuid-v5" } else { "keep" };
    let manifest = MANIFEST.replace("@PLUGINS@", &plugins).replace("@DUMP@", "./dump").replace("@ID@", id);
    fs::write(folder.join("migration.toml"), manifest)?;
    Ok(bytes)
}

fn order(index: u64) -> Document {
    let mut random = Random::new(1, 99, index);
    let mut id = [0; 12];
    id[..4].copy_from_slice(&0x6500_0000_u32.to_be_bytes());
    id[4..].copy_from_slice(&index.to_be_bytes());
    let name = random.pick(NAMES);
    let created = 1_600_000_000_000 + i64::try_from(index).unwrap_or(0) * 977;
    let note: Vec<&str> = (0..30).map(|_| random.pick(WORDS)).collect();
    let cents = random.below(9_000_000);
    let total: Bson = match format!("{}.{:02}", cents / 100, cents % 100).parse() {
        Ok(decimal) => Bson::Decimal128(decimal),
        Err(_) => Bson::Null,
    };
    doc! {
        "_id": ObjectId::from_bytes(id),
        "number": format!("{:012}", index + 1),
        "status": random.pick(&["open", "paid", "shipped", "closed"]),
        "customer": format!("{name} {}ová", random.pick(NAMES)),
        "email": format!("{}{index}@example.com", name.to_lowercase()),
        "phone": format!("+420{:09}", random.below(1_000_000_000)),
        "address": {
            "street": format!("{} {}", random.pick(WORDS), random.below(300)),
            "city": random.pick(CITIES),
            "postalCode": format!("{:05}", random.below(100_000)),
        },
        "items": i32::try_from(random.below(40)).unwrap_or(0),
        "weight": f64::from(u32::try_from(random.below(100_000)).unwrap_or(0)) / 8.0,
        "total": total,
        "isGift": random.percent(10),
        "note": note.join(" "),
        "createdAt": DateTime::from_millis(created),
        "updatedAt": DateTime::from_millis(created + i64::try_from(random.below(1_000_000_000)).unwrap_or(0)),
    }
}
