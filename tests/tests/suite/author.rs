//! What a plugin author does, from an empty folder: new, test, build, bench, and a migration through what came of it.
//!
//! All crates share one target folder below the workspace's, and the workspace's lock file: nothing is downloaded, and what
//! the SDK needs is compiled once.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value as Json;
use serde_json::json;
use whimbrel_tests::Ended;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::components;
use whimbrel_tests::root;

/// A folder in which somebody begins.
struct Author(PathBuf);

impl Author {
    /// Always the same folder for one test, so that what cargo keeps of it does not pile up.
    fn new(test: &str) -> Self {
        let folder = root().join("target/tmp/author").join(test);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn call(&self, folder: &str, arguments: &[&str]) -> Whimbrel {
        let target = root().join("target/author");
        let call = Whimbrel::new(arguments).at(&self.path(folder)).env("CARGO_TARGET_DIR", target.to_str().unwrap());
        call.env("CARGO_PROFILE_DEV_DEBUG", "false")
    }

    /// Makes a plugin with the versions that this workspace has.
    fn begin(&self, name: &str, world: &str) {
        self.call(".", &["plugin", "new", name, "--world", world]).run().expect(0);
        fs::copy(root().join("Cargo.lock"), self.path(name).join("Cargo.lock")).unwrap();
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "`{file}` has no `{from}`");
        fs::write(self.path(file), text.replacen(from, to, 1)).unwrap();
    }
}

#[track_caller]
fn says(ended: &Ended, words: &[&str]) {
    let all = format!("{}{}", ended.stdout, ended.stderr);
    for word in words {
        assert!(all.contains(word), "no `{word}` in\n{ended}");
    }
}

#[test]
fn the_page_s_commands_lead_to_a_migration() {
    let author = Author::new("the_page_s_commands_lead_to_a_migration");
    let page = fs::read_to_string(root().join("docs/plugins.md")).unwrap();
    let commands = page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(commands.lines().count() <= 6, "{commands}");
    let mut folder = ".".to_owned();
    for line in commands.lines() {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["cd", name] => (*name).clone_into(&mut folder),
            ["whimbrel", "plugin", "new", name, "--world", world] => author.begin(name, world),
            ["whimbrel", arguments @ ..] => drop(author.call(&folder, arguments).run().expect(0)),
            other => panic!("{other:?}"),
        }
    }
    let library = fs::read_to_string(author.path("acme-users/src/lib.rs")).unwrap();
    let case = fs::read_to_string(author.path("acme-users/cases/users.input.json")).unwrap();
    assert!(page.contains(&library) && page.contains(&case), "the page shows what `plugin new` writes");
    let database = rusqlite::Connection::open(author.path("acme-users/example/target.db")).unwrap();
    let mut rows = database.prepare("SELECT email, name FROM users ORDER BY email").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap);
    let rows: Vec<(String, Option<String>)> = rows.collect();
    let expected = [("first@example.com", Some("First")), ("second@example.com", None)];
    assert_eq!(rows, expected.map(|(email, name)| (email.to_owned(), name.map(str::to_owned))));

    the_commands_say_what_they_found(&author);
    what_is_wrong_is_shown_field_by_field(&author);
    a_panic_is_named_with_its_document(&author);
    what_a_run_would_refuse_is_not_installed(&author);
    a_crate_that_does_not_build_has_cargo_s_words(&author);
}

fn the_commands_say_what_they_found(author: &Author) {
    let tested = author.call("acme-users", &["plugin", "test", "--deterministic"]).run().expect(0);
    says(&tested, &["acme-users: 1 case, natively and as a component, in batches of 1 and of N", "ok      users"]);
    let built =
        author.call("acme-users", &["plugin", "build", "--into", "../plugins", "--json"]).run().expect(0).json();
    assert_eq!(built["world"], "transformer");
    assert!(built["size"].as_u64().is_some_and(|size| size < 500_000), "{built}");
    assert_eq!(built["digest"].as_str().map(str::len), Some(64));
    assert_eq!(built["files"], json!(["target/acme_users.wasm", "../plugins/acme_users.wasm"]));
    assert!(author.path("plugins/acme_users.cases/users.expected.json").exists(), "its cases travel with it");
    let bench = ["plugin", "bench", "--milliseconds", "50", "--json"];
    let measured = author.call("acme-users", &bench).run().expect(0).json();
    assert!(measured["cases"][0]["records_per_call"].as_u64() >= Some(1000), "{measured}");
    assert!(measured["cases"][0]["records_per_second"].as_f64() > Some(100.0), "{measured}");
}

/// With the crate that is there: each that is made has to be compiled.
fn what_is_wrong_is_shown_field_by_field(author: &Author) {
    author.replace("acme-users/cases/users.expected.json", "\"First\"", "\"Somebody\"");
    let failed = author.call("acme-users", &["plugin", "test"]).run().expect(1);
    let place = r#"document 0 (_id {"$oid":"507f1f77bcf86cd799439011"}), row 0, name"#;
    let words = ["FAILED  users", "cases/users.expected.json", place, r#"expected "Somebody""#, r#"found    "First""#];
    says(&failed, &words);
    says(&failed, &["natively and as a component, not as", "error: 1 of 1 case failed", "--bless"]);
    let failed = author.call("acme-users", &["plugin", "test", "--json"]).run().expect(1).json();
    for side in ["native", "component"] {
        let difference = &failed["cases"][0][side][0];
        assert_eq!(difference["pointer"], "/outcomes/0/rows/0/row/name");
        assert_eq!((&difference["expected"], &difference["found"]), (&json!("Somebody"), &json!("First")));
    }

    let blessed = author.call("acme-users", &["plugin", "test", "--bless"]).run().expect(0);
    says(&blessed, &["blessed users", r#"was "Somebody""#, r#"is  "First""#]);
    let expected: Json = read(&author.path("acme-users/cases/users.expected.json"));
    assert_eq!(expected["outcomes"][0]["rows"][0]["row"]["name"], "First");

    fs::remove_file(author.path("acme-users/cases/users.expected.json")).unwrap();
    says(&author.call("acme-users", &["plugin", "test"]).run().expect(1), &["there is no `cases/users.expected.json`"]);
    author.replace("acme-users/cases/users.input.json", "\"documents\"", "\"document\"");
    let broken = author.call("acme-users", &["plugin", "test"]).run().expect(2);
    says(&broken, &["`cases/users.input.json` is not in the form of a case", "unknown field `document`", "line 3"]);
}

fn a_panic_is_named_with_its_document(author: &Author) {
    author.replace("acme-users/cases/users.input.json", "\"document\"", "\"documents\"");
    author.replace(
        "acme-users/src/lib.rs",
        "Row::new(0)",
        "Row::new(if record.get(\"name\")?.is_none() { panic!(\"no name\") } else { 0 })",
    );
    let failed = author.call("acme-users", &["plugin", "test", "--bless"]).run().expect(1);
    says(&failed, &["natively: document 1: panicked: no name", "cannot be what is expected: document 1 (_id"]);
    says(&failed, &["plugin-trap", "src/lib.rs:"]);
    assert!(!author.path("acme-users/cases/users.expected.json").exists());
}

fn what_a_run_would_refuse_is_not_installed(author: &Author) {
    let component = author.path("acme-users/target/acme_users.wasm");
    let before = fs::read(&component).unwrap();
    author.replace("acme-users/src/lib.rs", "whimbrel_sdk::export_transformer!(AcmeUsers);", "");
    let refused = author.call("acme-users", &["plugin", "build"]).run().expect(2);
    says(&refused, &["plugin `acme-users`: expected an export of `whimbrel:plugin/transformer@0.1.0`"]);
    assert_eq!(fs::read(&component).unwrap(), before);
}

fn a_crate_that_does_not_build_has_cargo_s_words(author: &Author) {
    author.replace("acme-users/src/lib.rs", "Row::new(", "Row::new(nothing + ");
    let built = author.call("acme-users", &["plugin", "build"]).run().expect(1);
    says(&built, &["cannot find value `nothing`", "src/lib.rs", "error: `acme-users` does not build"]);
    let lines = ["[lib]\n", "crate-type = [\"cdylib\", \"rlib\"]\n"].concat();
    author.replace("acme-users/Cargo.toml", &lines, "");
    let built = author.call("acme-users", &["plugin", "build"]).run().expect(2);
    says(&built, &["expected a library of the type `cdylib`", "crate-type"]);
}

#[test]
fn a_validator_and_a_test_that_remembers() {
    let author = Author::new("a_validator_and_a_test_that_remembers");
    author.begin("no-empty-text", "validator");
    says(&author.call("no-empty-text", &["plugin", "test", "--deterministic"]).run().expect(0), &["ok      rows"]);
    // Something that is kept between the rows of a call.
    author.replace(
        "no-empty-text/src/lib.rs",
        "let mut violations = Vec::new();",
        "static ROWS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
         let mut violations = Vec::new();
         if ROWS.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 3 {
             violations.push(Violation::new(\"fourth\", \"the fourth row of a call\"));
         }",
    );
    says(&author.call("no-empty-text", &["plugin", "test"]).run().expect(0), &["ok      rows"]);
    let failed = author.call("no-empty-text", &["plugin", "test", "--deterministic"]).run().expect(1);
    says(&failed, &["row 1: alone it comes to something else than among others", "fourth"]);
}

/// A component of any language has cases too; the host reads them as the SDK does.
#[test]
fn components_that_are_there_already() {
    let author = Author::new("components_that_are_there_already");
    for plugin in ["mongo-to-sql", "firestore-to-sql", "json-fields", "timestamps-utc"] {
        let folder = root().join("plugins").join(plugin);
        let file = components::plugins().join(format!("{}.wasm", plugin.replace('-', "_")));
        let arguments = ["plugin", "test", folder.to_str().unwrap(), "--component", file.to_str().unwrap()];
        let tested = author.call(".", &[arguments.as_slice(), &["--deterministic"]].concat()).run().expect(0);
        let cases = fs::read_dir(folder.join("cases")).unwrap().count() / 2;
        says(&tested, &[&format!("{plugin}: {cases} cases, as a component")]);
    }
    let guest = components::guests().join("counts_records.wasm");
    fs::create_dir(author.path("cases")).unwrap();
    let input = json!({
        "setup": {"entity": "people", "into": ["people"], "config": {"columns": ["_id"]}},
        "documents": [{"_id": 1}],
    });
    fs::write(author.path("cases/one.input.json"), input.to_string()).unwrap();
    let test = ["plugin", "test", "--component", guest.to_str().unwrap()];
    author.call(".", &[test.as_slice(), &["--bless"]].concat()).run().expect(0);
    author.call(".", &test).run().expect(0);
    let failed = author.call(".", &[test.as_slice(), &["--deterministic"]].concat()).run().expect(1);
    says(
        &failed,
        &["document 0 (_id 1): alone it comes to something else than among others", "the record came second"],
    );
}

#[test]
fn what_cannot_be_begun_says_why() {
    let author = Author::new("what_cannot_be_begun_says_why");
    let new = |name: &str, more: &[&str]| {
        author.call(".", &[&["plugin", "new", name, "--world", "transformer"], more].concat()).run().expect(2)
    };
    says(&new("Acme Users", &[]), &["expected lower-case words and digits joined by `-`", "`Acme Users`"]);
    says(&new("acme", &["--sdk", "nowhere"]), &["expected a folder with the SDK, found none at `nowhere`"]);
    assert!(!author.path("acme").exists());
    fs::create_dir(author.path("acme")).unwrap();
    says(&new("acme", &[]), &["there is already a `acme` here"]);
    assert_eq!(fs::read_dir(author.path("acme")).unwrap().count(), 0);
    let version = ["plugin", "new", "by-version", "--world", "validator", "--sdk", "0.1.0"];
    author.call(".", &version).run().expect(0);
    let manifest = fs::read_to_string(author.path("by-version/Cargo.toml")).unwrap();
    assert!(manifest.contains("whimbrel-sdk = \"0.1.0\""), "{manifest}");
    says(&author.call(".", &["plugin", "test"]).run().expect(2), &["found no `Cargo.toml`", "whimbrel plugin new"]);
}

#[test]
fn tools_that_are_missing_are_named() {
    let author = Author::new("tools_that_are_missing_are_named");
    author.call(".", &["plugin", "new", "acme", "--world", "validator"]).run().expect(0);
    let without = |folder: &Path, cargo: Option<String>| {
        let mut command = author.call("acme", &["plugin", "build"]).into_command();
        command.env("PATH", folder).env_remove("CARGO").env_remove("RUSTC");
        command.envs(cargo.map(|cargo| ("CARGO", cargo)));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let empty = author.path("empty");
    fs::create_dir(&empty).unwrap();
    let (code, said) = without(&empty, None);
    assert!(code == Some(1) && said.contains("cannot start `cargo`") && said.contains("https://rustup.rs"), "{said}");

    // A compiler that has no libraries for components.
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| which("cargo"));
    script(&empty.join("rustc"), "echo /no/such/folder");
    let (code, said) = without(&empty, Some(cargo.clone()));
    let words = ["`wasm32-wasip2` is not installed, and `rustup` cannot be started", "https://rustup.rs"];
    assert!(code == Some(1) && words.iter().all(|word| said.contains(word)), "{said}");
    script(&empty.join("rustup"), "echo \"found rustup $*\" >&2; exit 1");
    let (code, said) = without(&empty, Some(cargo));
    assert!(code == Some(1) && said.contains("found rustup target add wasm32-wasip2"), "{said}");
}

fn script(path: &Path, line: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn which(program: &str) -> String {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

fn read(path: &Path) -> Json {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}
