//! A target that may not be written: what `--execute` would fail with is said by the plan and the dry run, too.
//!
//! A full disk and an account without rights are no case folders: a case is files and calls of the command, and these need
//! a disk that is mounted, another role, or another user's rights, and room or rights given back before the second call.
//! What a server can be made to refuse by SQL alone is `fail-read-only-target`.

use std::fs;
use std::path::Path;

use whimbrel_tests::Database;
use whimbrel_tests::Whimbrel;
use whimbrel_tests::dump;
use whimbrel_tests::skipped;

use super::people::Migration;
use super::people::SCHEMA;

/// What is wrong is said in the same words by the plan, by the dry run and by the run; returns these words.
#[track_caller]
fn refused(call: impl Fn(&[&str]) -> Whimbrel) -> String {
    let [executed, predicted, planned] =
        [&["run", "migration.toml", "--execute", "--yes"][..], &["run", "migration.toml"], &["plan", "migration.toml"]]
            .map(|arguments| call(arguments).run());
    for ended in [&executed, &predicted, &planned] {
        assert_eq!(ended.code, Some(1), "{ended}");
        assert_eq!(ended.stderr, executed.stderr, "{ended}");
    }
    assert!(executed.stdout.is_empty() && predicted.stdout.is_empty(), "{executed}{predicted}");
    // Without the tables there is no plan.
    let has_plan = planned.stdout.contains("1. people: ");
    assert_eq!(has_plan, !executed.stderr.contains("apply the schema"), "a plan is shown all the same: {planned}");
    executed.stderr
}

/// Accounts that lack something, and a database that takes no writes, are told so before anything is done.
#[test]
fn what_an_account_lacks_is_named() {
    let Some(database) = Database::postgres() else { return };
    let update = "dead-letters-max = 2\non-conflict = \"update\"";
    let migration = Migration::of(20, update, database);
    let name = migration.database.url.rsplit('/').next().unwrap().to_owned();
    let role = format!("{name}_account");
    let (scheme, rest) = migration.database.url.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let url = format!("{scheme}://{role}:secret@{host}");
    let call = |arguments: &[&str]| migration.call(arguments).env("TARGET_URL", &url);
    let execute = |sql: &str| migration.database.execute(&sql.replace("$role", &role));
    execute("CREATE ROLE $role LOGIN PASSWORD 'secret'");
    let steps = [
        ("", "no permission to apply the schema at line 1\ncaused by: permission denied for schema public\n"),
        (SCHEMA, "caused by: the account `$role` lacks CREATE\n"),
        (
            "GRANT CREATE ON DATABASE NAME TO $role",
            "no permission to write to `people`\ncaused by: the account `$role` lacks INSERT, SELECT, UPDATE\n",
        ),
        (
            "GRANT SELECT (id, name), INSERT (id, name) ON people TO $role",
            "caused by: the account `$role` lacks UPDATE\n",
        ),
    ];
    let mut told = Vec::new();
    for (grant, _) in steps {
        execute(&grant.replace("NAME", &name));
        if call(&["status", "migration.toml"]).run().stderr.contains("cannot reach") {
            execute("DROP OWNED BY $role; DROP ROLE $role");
            return skipped("the server lets no new role in");
        }
        told.push(refused(call));
    }
    execute("GRANT UPDATE (name) ON people TO $role; ALTER ROLE $role SET default_transaction_read_only = on");
    let read_only = refused(call);
    let left = dump::all(&migration.database);
    execute("ALTER ROLE $role RESET default_transaction_read_only");
    let done = call(&["run", "migration.toml", "--execute", "--yes"]).run();
    execute("REVOKE INSERT ON ALL TABLES IN SCHEMA whimbrel FROM $role");
    let own = refused(call);
    execute("DROP OWNED BY $role; DROP ROLE $role");
    for ((_, expected), told) in steps.iter().zip(&told) {
        assert!(told.contains(&expected.replace("$role", &role)), "expected {expected}, found {told}");
        assert!(!told.contains("secret"), "{told}");
    }
    assert!(read_only.contains("takes no writes\ncaused by: `default_transaction_read_only` is on"), "{read_only}");
    assert!(own.contains("no permission to write to whimbrel's own tables"), "{own}");
    assert_eq!(left, "## people: id, name, age\n\n");
    done.expect(3);
}

/// A file cannot be made in a folder that is not there.
#[test]
fn a_folder_that_is_not_there_is_named() {
    let migration = Migration::sqlite(20);
    let told = refused(|arguments| migration.call(arguments).env("TARGET_URL", "sqlite:no/such/target.db"));
    assert!(
        told.contains("error: cannot reach the target `sqlite:no/such/target.db`\ncaused by: there is no folder"),
        "{told}"
    );
    assert!(!migration.folder.path().join("no").exists());
}

/// Takes the rights of nobody for a call: root may write everywhere.
#[cfg(unix)]
fn without_rights(call: Whimbrel) -> Whimbrel {
    call.under(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
}

/// A folder or a file that may be read but not written: nothing is done, and what is missing is named.
#[cfg(unix)]
#[test]
fn an_unwritable_file_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let migration = Migration::sqlite(20);
    let file = migration.database.file().unwrap();
    let folder = file.parent().unwrap();
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(folder, 0o555);
    allow(migration.folder.path(), 0o755);
    let is_root = fs::write(folder.join("probe"), "").is_ok();
    // Nobody has no place for compiled components either.
    let cache = tempfile::tempdir().unwrap();
    allow(cache.path(), 0o777);
    let call = |arguments: &[&str]| {
        let call = migration.call(arguments).env("XDG_CACHE_HOME", cache.path().to_str().unwrap());
        if is_root { without_rights(call) } else { call }
    };
    if is_root {
        fs::remove_file(folder.join("probe")).unwrap();
        let can_drop = without_rights(Whimbrel::new(["--version"])).into_command().output();
        if !can_drop.is_ok_and(|output| output.status.success()) {
            return skipped("the tests run as root, and `setpriv` gives nobody's rights to no program here");
        }
    }
    let told = refused(call);
    assert!(told.contains("error: no permission to open the database"), "{told}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);

    allow(folder, 0o755);
    rusqlite::Connection::open(file).and_then(|connection| connection.execute_batch(SCHEMA)).unwrap();
    let before = fs::read(file).unwrap();
    for (folder_mode, file_mode) in [(0o555, 0o444), (0o777, 0o444), (0o555, 0o666)] {
        allow(folder, folder_mode);
        allow(file, file_mode);
        let told = refused(call);
        assert!(told.contains("error: no permission to open the database"), "{told}");
        assert_eq!(fs::read(file).unwrap(), before);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    }
    allow(folder, 0o755);
}
