//! Many rows that the target refuses: what stands, and what is said of each, does not hang on how they were found.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::dump;
use whimbrel_tests::root;

const RECORDS: usize = 1_000;

/// Orders with lines; a CHECK, a unique column and a trigger refuse some of either.
fn tables(kind: &str) -> String {
    let trigger = match kind {
        "sqlite" => {
            "CREATE TRIGGER refuse BEFORE INSERT ON lines WHEN NEW.item = 'forbidden' \
                     BEGIN SELECT RAISE(ABORT, 'forbidden item'); END; \
             CREATE TRIGGER rename AFTER INSERT ON lines WHEN NEW.item = 'stool' \
                     BEGIN UPDATE lines SET item = 'seat' WHERE order_id = NEW.order_id AND position = NEW.position; END;"
        }
        _ => {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
              IF NEW.item = 'forbidden' THEN RAISE EXCEPTION 'forbidden item'; END IF; \
              IF NEW.item = 'dropped' THEN RETURN NULL; END IF; \
              IF NEW.item = 'stool' THEN NEW.item := 'seat'; END IF; RETURN NEW; END $$; \
              CREATE TRIGGER refuse BEFORE INSERT ON lines FOR EACH ROW EXECUTE FUNCTION refuse();"
        }
    };
    format!(
        "CREATE TABLE orders (id bigint PRIMARY KEY, quantity integer CONSTRAINT positive CHECK (quantity > 0), \
           code text NOT NULL CONSTRAINT one_code UNIQUE);
         CREATE TABLE lines (order_id bigint NOT NULL REFERENCES orders (id), position integer NOT NULL, item text, \
           tag text CONSTRAINT one_tag UNIQUE, PRIMARY KEY (order_id, position));
         {trigger}"
    )
}

/// One record in twenty is refused, each for another reason in turn; others hold what a trigger rewrites; and a record that would have been, had the target not
/// refused the one before it.
fn write_source(folder: &Path) {
    let mut text = String::new();
    for id in 0..RECORDS {
        let round = id / 20;
        let (mut quantity, mut code, mut item, mut tag) =
            (1 + (id % 50).cast_signed(), format!("c{id}"), "chair", format!("t{id}"));
        match (id % 20, round % 5) {
            (7, 0) => quantity = -1,
            (7, 1) => code = format!("c{}", id - 1),
            (7, 2) => item = "forbidden",
            (7, 3) => tag = format!("t{}", id - 1),
            (7, 4) => item = "dropped",
            (9, 0) => item = "stool",
            // The code and the tag of a record that is refused are free.
            (8, 0 | 2) => (code, tag) = (format!("c{}", id - 1), format!("t{}", id - 1)),
            _ => {}
        }
        let _ = writeln!(
            text,
            "{{\"_id\":{id},\"quantity\":{quantity},\"code\":\"{code}\",\"lines\":[{{\"item\":\"table\"}},{{\"item\":\"{item}\",\"tag\":\"{tag}\"}}]}}"
        );
    }
    fs::write(folder.join("orders.json"), text).unwrap();
}

fn write_manifest(folder: &Path, kind: &str, defaults: &str) -> String {
    let manifest = format!(
        "version = 1\nname = \"refusals\"\nplugins = \"{plugins}\"\n[source.shop]\nurl = \"mongoexport:.\"\n\
         [target]\nurl = \"${{TARGET_URL}}\"\nschema = \"{kind}.sql\"\n\
         [defaults]\ntransform = \"mongo-to-sql\"\nid = \"keep\"\ndead-letters-max = \"20%\"\n{defaults}\n\
         [[entity]]\nname = \"orders\"\nfrom = \"shop.orders\"\ninto = [\"orders\", \"lines\"]\n\
         [entity.config]\ntable = \"orders\"\ncolumns = {{ id = \"_id\", quantity = \"quantity\", code = \"code\" }}\n\
         [entity.config.children.lines]\neach = \"lines\"\n\
         columns = {{ order_id = {{ from = \"^_id\", reference = \"orders\" }}, position = \"#\", item = \"$.item\", tag = \"$.tag\" }}\n",
        plugins = root().join("plugins").display()
    );
    let path = folder.join("migration.toml");
    fs::write(&path, manifest).unwrap();
    fs::write(folder.join(format!("{kind}.sql")), tables(kind)).unwrap();
    path.display().to_string()
}

/// Runs into a fresh target and returns what stands there, and what is said of every record.
fn run(target: &Database, defaults: &str, before: &str) -> (String, Vec<Vec<Option<String>>>) {
    components::plugins();
    let folder = tempfile::tempdir().unwrap();
    write_source(folder.path());
    let manifest = write_manifest(folder.path(), target.kind(), defaults);
    if !before.is_empty() {
        target.execute(&tables(target.kind()));
        target.execute(before);
    }
    let done = Whimbrel::new(["--json", "run", &manifest, "--execute", "--yes"]).env("TARGET_URL", &target.url);
    let done = done.run().expect(3).json();
    assert_eq!(done["conservation"], "ok");
    let letters = target.own("dead_letter");
    let letters = target.query(&format!("SELECT document, stage, code, field, message FROM {letters} ORDER BY 1"));
    let standing = dump::tables(target);
    target.empty();
    (standing, letters)
}

/// Fails with the first letter that differs.
#[track_caller]
fn same(found: &[Vec<Option<String>>], expected: &[Vec<Option<String>>], what: &str) {
    let differing = found.iter().zip(expected).find(|(found, expected)| found != expected);
    assert!(differing.is_none(), "{what}: found {:?}, expected {:?}", differing.unwrap().0, differing.unwrap().1);
    assert_eq!(found.len(), expected.len(), "{what}");
}

#[test]
fn many_refusals_are_found_alike_together_and_one_by_one() {
    for target in Database::each() {
        // So few rows in a commit that no two of its records are refused.
        let one_by_one = run(&target, "transaction-rows = 6\nbatch-records = 2", "");
        let dropped = if target.kind() == "sqlite" { 0 } else { RECORDS / 100 };
        assert_eq!(one_by_one.1.len(), RECORDS / 100 * 5 + dropped, "{}", target.kind());
        let together = run(&target, "transaction-rows = 20000\nbatch-records = 1000", "");
        same(&together.1, &one_by_one.1, target.kind());
        assert!(together.0 == one_by_one.0, "{}: other rows stand", target.kind());
    }
}

#[test]
fn rows_that_stand_already_are_met_among_many_refusals() {
    for target in Database::each() {
        let before: String = (0..RECORDS)
            .step_by(31)
            .map(|id| format!("INSERT INTO orders VALUES ({id}, 9, 'before {id}');"))
            .chain(["INSERT INTO orders VALUES (-1, 9, 'c40');".to_owned()])
            .collect();
        for policy in ["skip", "update"] {
            let policy = format!("on-conflict = \"{policy}\"");
            let one_by_one = run(&target, &format!("{policy}\ntransaction-rows = 6\nbatch-records = 2"), &before);
            let together = run(&target, &format!("{policy}\ntransaction-rows = 20000\nbatch-records = 1000"), &before);
            same(&together.1, &one_by_one.1, &format!("{}, {policy}", target.kind()));
            assert!(together.0 == one_by_one.0, "{}, {policy}: other rows stand", target.kind());
        }
    }
}

#[test]
fn a_trigger_that_rewrites_every_row_leaves_none_behind() {
    for target in Database::each() {
        let folder = tempfile::tempdir().unwrap();
        components::plugins();
        write_source(folder.path());
        let manifest = write_manifest(folder.path(), target.kind(), "on-conflict = \"skip\"");
        let sql = match target.kind() {
            "sqlite" => {
                "CREATE TRIGGER late AFTER INSERT ON orders WHEN NEW.id <> 500 \
                 BEGIN UPDATE orders SET quantity = quantity + 1 WHERE id = NEW.id; END;"
            }
            // What is deferred runs when constraints are checked.
            _ => {
                "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                   UPDATE orders SET quantity = quantity + 1 WHERE id = NEW.id AND id <> 500; RETURN NULL; END $$; \
                 CREATE CONSTRAINT TRIGGER late AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED \
                   FOR EACH ROW EXECUTE FUNCTION late();"
            }
        };
        let schema = folder.path().join(format!("{}.sql", target.kind()));
        fs::write(&schema, tables(target.kind()) + sql).unwrap();
        let text = fs::read_to_string(&manifest).unwrap().replace("\"20%\"", "\"100%\"");
        fs::write(&manifest, text).unwrap();
        let done = Whimbrel::new(["--json", "run", &manifest, "--execute", "--yes"]).env("TARGET_URL", &target.url);
        let done = done.run().expect(3).json();
        assert_eq!(done["conservation"], "ok");
        let standing = target.query("SELECT count(*) || ' ' || max(id) || ' ' || max(quantity) FROM orders");
        assert_eq!(standing, [[Some("1 500 1".to_owned())]], "{}", target.kind());
        let letters = target.own("dead_letter");
        let said = format!("SELECT count(*) FROM {letters} WHERE code = 'trigger' AND field = 'quantity'");
        let said: usize = target.query(&said)[0][0].as_ref().unwrap().parse().unwrap();
        assert!(said > RECORDS * 9 / 10, "{}: {said}", target.kind());
    }
}
