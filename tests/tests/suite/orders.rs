//! The orders example: a generated shop goes from PostgreSQL to PostgreSQL, and what arrives is held against what the source's own
//! database works out of the rules (`expected.sql`), value by value, and against the list of what was planted.

mod traps;

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value as Json;
use whimbrel_tests::Database;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;
use whimbrel_tests::root;
use xtask::generate::orders;
use xtask::generate::orders::NOW;
use xtask::generate::orders::Options;
use xtask::generate::orders::Written;

/// Entities, the tables they feed, and those they are read from.
const ENTITIES: [(&str, &str, &str); 8] = [
    ("storefronts", "storefronts", "storefronts"),
    ("listings", "listings", "products"),
    ("variants", "b2c_product_variants", "product_variants"),
    ("carts", "shopping_carts", "shopping_carts"),
    ("cart-items", "cart_items", "cart_items"),
    ("orders", "orders", "orders"),
    ("order-items", "order_items", "order_items"),
    ("reservations", "inventory_reservations", "inventory_reservations"),
];

/// A shop that was generated, and the manifest that moves it.
struct Shop {
    source: Database,
    folder: tempfile::TempDir,
    written: Written,
}

impl Shop {
    /// Generates a shop; `None` where there is no PostgreSQL.
    fn new(records: Option<u64>, dirt: u8) -> Option<Self> {
        components::plugins();
        let source = Database::postgres()?;
        let mut sql = String::new();
        let options = Options { records, seed: 7, dirt };
        let written = orders::orders(options, &mut |statement: &str| {
            sql.push_str(statement);
            sql.push_str(";\n");
            Ok::<(), std::fmt::Error>(())
        });
        source.execute(&sql);
        let folder = tempfile::tempdir().unwrap();
        let example = root().join("examples/orders");
        let manifest = fs::read_to_string(example.join("migration.toml")).unwrap();
        let plugins = format!("plugins = {:?}", root().join("plugins"));
        let manifest = manifest.replacen("plugins = \"../../plugins\"", &plugins, 1);
        let manifest = manifest.replacen("dead-letters-max = \"5%\"", "dead-letters-max = \"50%\"", 1);
        assert!(manifest.contains(&plugins) && manifest.contains("\"50%\""), "the example has changed");
        fs::write(folder.path().join("migration.toml"), manifest).unwrap();
        fs::copy(example.join("schema.sql"), folder.path().join("schema.sql")).unwrap();
        Some(Self { source, folder, written: written.unwrap() })
    }

    fn change(&self, from: &str, to: &str) {
        let path = self.folder.path().join("migration.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        assert!(manifest.contains(from), "{from}");
        fs::write(path, manifest.replace(from, to)).unwrap();
    }

    fn call(&self, target: &Database, arguments: &[&str]) -> Whimbrel {
        let manifest = self.folder.path().join("migration.toml").display().to_string();
        Whimbrel::new(arguments[..1].iter().copied().chain([manifest.as_str()]).chain(arguments[1..].iter().copied()))
            .env("ORDERS_SOURCE", &self.source.url)
            .env("TARGET_URL", &target.url)
    }

    fn predict(&self, target: &Database) -> Ended {
        self.call(target, &["run", "--now", NOW, "--json"]).run()
    }

    fn run(&self, target: &Database) -> Whimbrel {
        self.call(target, &["run", "--now", NOW, "--json", "--execute", "--yes"])
    }

    /// Moves the shop into an empty database.
    fn moved(&self) -> (Database, Json) {
        let target = self.source.another();
        let report = self.run(&target).run();
        assert!(matches!(report.code, Some(0 | 3)), "{report}");
        (target, report.json())
    }

    /// Lets the source's database work out what must come of it.
    fn expect(&self) {
        let sql = fs::read_to_string(root().join("tests/tests/suite/orders/expected.sql")).unwrap();
        self.source.execute(&sql.replace(":now", &format!("timestamptz '{NOW}'")));
    }

    /// What must have become of the rows of a table, by their numbers: `fate code field`.
    fn fates(&self, table: &str) -> BTreeMap<u64, String> {
        let sql = format!("SELECT id, concat_ws(' ', fate, nullif(code, ''), nullif(field, '')) FROM expected.{table}");
        self.source.query(&sql).into_iter().map(|row| (number(&row[0]), row[1].clone().unwrap())).collect()
    }
}

fn number(text: &Option<String>) -> u64 {
    text.as_ref().unwrap().parse().unwrap()
}

fn one(database: &Database, sql: &str) -> String {
    database.query(sql)[0][0].clone().unwrap()
}

/// Holds a target against what the source's database says must be there.
fn is_as_expected(shop: &Shop, target: &Database, report: &Json) {
    for (entity, table, _) in ENTITIES {
        let columns = target.query(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' AND table_schema = 'public' \
             ORDER BY ordinal_position"
        ));
        let columns: Vec<String> = columns.into_iter().map(|mut row| row.remove(0).unwrap()).collect();
        let columns = columns.join(", ");
        let expected = format!("SELECT {columns} FROM expected.{table} WHERE fate = 'written' ORDER BY id");
        let expected = shop.source.query(&expected);
        let found = target.query(&format!("SELECT {columns} FROM {table} ORDER BY id"));
        assert_eq!(found.len(), expected.len(), "{table}: rows");
        assert!(!found.is_empty(), "{table}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{table} ({columns})");
        }

        let fates = shop.fates(table);
        let letters = target.query(&format!(
            "SELECT substr(key, 2)::bigint AS id, code || ' ' || field AS reason FROM whimbrel.dead_letter \
             WHERE entity = '{entity}' AND state = 'dead' AND provisional = 0 ORDER BY 1"
        ));
        let letters: BTreeMap<u64, String> =
            letters.into_iter().map(|row| (number(&row[0]), format!("dead {}", row[1].as_ref().unwrap()))).collect();
        let dead: BTreeMap<u64, String> =
            fates.clone().into_iter().filter(|(_, fate)| fate.starts_with("dead")).collect();
        assert_eq!(letters, dead, "{table}: dead letters");

        let told = report["entities"].as_array().unwrap().iter().find(|told| told["name"] == entity).unwrap();
        let count = |fate: &str| fates.values().filter(|found| found.starts_with(fate)).count() as u64;
        assert_eq!(told["total"]["read"], fates.len() as u64, "{entity}");
        for fate in ["written", "skipped", "dead"] {
            assert_eq!(told["total"][fate], count(fate), "{entity}: {fate}");
        }
    }
    assert_eq!(report["conservation"], "ok");
    let nulled = target.query(
        "SELECT record_key FROM whimbrel.nulled_reference WHERE entity = 'reservations' AND column_name = 'order_id' ORDER BY 1",
    );
    let expected = shop.source.query(
        "SELECT 'i' || e.id FROM expected.inventory_reservations AS e JOIN inventory_reservations AS r ON r.id = e.id
         WHERE e.fate = 'written' AND e.order_id IS NULL ORDER BY 1",
    );
    assert_eq!(nulled, expected, "references left NULL");
}

#[test]
fn every_row_is_where_the_rules_put_it() {
    let Some(shop) = Shop::new(Some(3_000), 8) else { return };
    let (target, report) = shop.moved();
    shop.expect();
    is_as_expected(&shop, &target, &report);

    // The list of what was planted says the same.
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for planted in &shop.written.planted {
        let outcome = planted.dirt.outcome_in(planted.table);
        let expected = match outcome.fate {
            "dead" => format!("dead {} {}", outcome.code, outcome.field),
            // A reservation without its order is written.
            "nulled" => "written".to_owned(),
            fate => fate.to_owned(),
        };
        let found = shop.source.query(&format!(
            "SELECT concat_ws(' ', fate, nullif(code, ''), nullif(field, '')) FROM expected.{} WHERE id = {}",
            planted.table, planted.id
        ));
        let found = found.first().map_or("left-out".to_owned(), |row| row[0].clone().unwrap());
        assert_eq!(found, expected, "{planted:?}");
        *kinds.entry(planted.dirt.to_string()).or_default() += 1;
    }
    assert_eq!(kinds.len(), 31, "every kind is there: {kinds:?}");
    // Nothing is wrong with a row that was not planted.
    for (_, table, source) in ENTITIES {
        let planted: Vec<u64> =
            shop.written.planted.iter().filter(|planted| planted.table == source).map(|planted| planted.id).collect();
        let odd: Vec<_> =
            shop.fates(table).into_iter().filter(|(id, fate)| fate != "written" && !planted.contains(id)).collect();
        assert_eq!(odd, [], "{table}");
    }

    // Nothing that the filters keep is without a place.
    for (entity, table, _) in ENTITIES {
        let kept = shop.fates(table).len().to_string();
        let places = format!(
            "SELECT (SELECT count(*) FROM {table}) + (SELECT count(*) FROM whimbrel.dead_letter WHERE entity = '{entity}')"
        );
        let skipped = shop.fates(table).values().filter(|fate| *fate == "skipped").count() as u64;
        assert_eq!((number(&Some(one(&target, &places))) + skipped).to_string(), kept, "{table}");
    }
    let verified = shop.call(&target, &["verify", "--json"]).run().expect(0).json();
    assert_eq!(verified["differences"].as_array().map_or(0, Vec::len), 0, "{verified:#}");

    // Again, nothing changes; anew over what stands there, nothing changes either.
    let before = dump::all(&target);
    assert_eq!(shop.run(&target).run().expect(3).json()["status"], "nothing-to-do");
    assert_eq!(dump::all(&target), before);
    shop.call(&target, &["reset", "--execute"]).run().expect(0);
    let tables = dump::tables(&target);
    let again = shop.run(&target).run().expect(3).json();
    assert_eq!(dump::tables(&target), tables, "{again:#}");
    for entity in again["entities"].as_array().unwrap() {
        assert_eq!(entity["total"]["written"], 0, "{entity:#}");
    }
}

#[test]
fn an_interrupted_run_comes_to_the_same() {
    let Some(shop) = Shop::new(Some(1_500), 8) else { return };
    shop.change("[defaults]", "[defaults]\nbatch-records = 40\ntransaction-rows = 40");
    let (straight, report) = shop.moved();
    shop.expect();
    is_as_expected(&shop, &straight, &report);
    let left = dump::all(&straight);
    for point in ["commit-rows", "commit-before", "commit-after"] {
        let target = shop.source.another();
        let mut ended = shop.run(&target).ending_at(&format!("{point}=3*off->return")).run();
        let mut interruptions = 0;
        while ended.code.is_none() {
            interruptions += 1;
            assert!(interruptions < 100, "{point}: no progress");
            ended = shop.run(&target).ending_at(&format!("{point}={}*off->return", 3 + interruptions % 5)).run();
        }
        assert!(interruptions > 2, "{point}: {interruptions}");
        assert_eq!(ended.code, Some(3), "{point}: {ended}");
        assert_eq!(dump::all(&target), left, "{point}");
    }
}

#[test]
fn the_small_set_is_the_published_one() {
    let Some(shop) = Shop::new(None, 0) else { return };
    let count = |table| shop.written.rows[table];
    assert_eq!(
        ["shopping_carts", "cart_items", "orders", "order_items", "inventory_reservations"].map(count),
        [10, 55, 20, 126, 5]
    );
    let target = shop.source.another();
    let predicted = shop.predict(&target).expect(0).json();
    assert_eq!(
        target.query("SELECT 1 AS one FROM information_schema.tables WHERE table_name = 'orders'").len(),
        0,
        "it is a dry run"
    );
    let (target, report) = shop.moved();
    shop.expect();
    is_as_expected(&shop, &target, &report);
    let rows = |table: &str| one(&target, &format!("SELECT count(*) FROM {table}"));
    assert_eq!(
        ["shopping_carts", "cart_items", "orders", "order_items", "inventory_reservations"].map(rows),
        ["5", "50", "15", "96", "3"]
    );
    for (predicted, done) in
        predicted["entities"].as_array().unwrap().iter().zip(report["entities"].as_array().unwrap())
    {
        assert_eq!(predicted["total"], done["total"], "{}", done["name"]);
    }
}

#[test]
fn what_a_dry_run_cannot_foresee_is_named() {
    let Some(shop) = Shop::new(Some(1_000), 8) else { return };
    let target = shop.source.another();
    let predicted = shop.predict(&target).expect(3).json();
    shop.expect();
    for (entity, table, _) in ENTITIES {
        let told = predicted["entities"].as_array().unwrap().iter().find(|told| told["name"] == entity).unwrap();
        let fates = shop.fates(table);
        assert_eq!(told["total"]["read"], fates.len() as u64);
        // What the dry run finds by itself is what the real one finds; constraints of the target are named instead.
        let found = |fate: &&String| {
            fate.starts_with("dead ambiguous-time")
                || fate.starts_with("dead too-long")
                || fate.starts_with("dead precision")
        };
        let sure = fates.values().filter(found).count() as u64;
        assert!(told["total"]["dead"].as_u64().unwrap() >= sure, "{told:#}");
        if fates.values().any(|fate| fate.starts_with("dead check") || fate.starts_with("dead unique")) {
            assert!(told["not_predicted"][table].as_array().is_some_and(|why| !why.is_empty()), "{told:#}");
        }
    }
}
