//! Facts about the sources themselves: who imports whom, who may name what, and that the paths in the docs exist.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use whimbrel_tests::root;

/// Every Rust file of a folder below the workspace, with its text, without what stands behind `#[cfg(test)]`.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((name, text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

fn is_test(file: &str) -> bool {
    file.contains("/tests/") || file.ends_with("tests.rs") || file.ends_with("_vectors.rs")
}

/// The lines of the host outside tests, with their places; comments are left out.
fn host_lines() -> Vec<(String, usize, String)> {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let sources = sources("host/src").into_iter().filter(|(file, _)| !is_test(file));
    let lines = sources.flat_map(|(file, text)| {
        let lines: Vec<_> = text
            .lines()
            .enumerate()
            .filter(|(_, line)| code(line))
            .map(|(number, line)| (file.clone(), number + 1, line.to_owned()))
            .collect();
        lines
    });
    lines.collect()
}

#[track_caller]
fn only_in(words: &[&str], allowed: &[&str]) {
    let elsewhere: Vec<String> = host_lines()
        .into_iter()
        .filter(|(file, _, line)| {
            words.iter().any(|word| line.contains(word)) && !allowed.iter().any(|place| file.starts_with(place))
        })
        .map(|(file, number, line)| format!("{file}:{number}: {}", line.trim()))
        .collect();
    assert!(elsewhere.is_empty(), "{words:?} belong to {allowed:?}, found\n{}", elsewhere.join("\n"));
}

#[test]
fn imports_point_downward() {
    // A module may name those below it; siblings stand in one row and never name one another.
    let rows: [&[&str]; 5] = [&["cli"], &["run"], &["plan", "plugin", "connector"], &["record"], &["error"]];
    let rank = |module: &str| rows.iter().position(|row| row.contains(&module));
    let mut wrong = Vec::new();
    for (file, number, line) in host_lines() {
        let module = file.trim_start_matches("host/src/").split('/').next().unwrap_or_default();
        let module = module.trim_end_matches(".rs");
        let Some(from) = rank(module) else { continue };
        for named in line.split("crate::").skip(1) {
            let named: String = named.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let Some(to) = rank(&named) else { continue };
            if named != module && to <= from {
                wrong.push(format!("{file}:{number}: `{module}` names `{named}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_plugin_host_names_wasmtime() {
    only_in(&["wasmtime"], &["host/src/plugin/"]);
}

#[test]
fn only_connectors_name_database_libraries() {
    only_in(&["sqlx", "rusqlite"], &["host/src/connector/"]);
}

#[test]
fn only_the_report_prints() {
    // `progress` draws its bars through indicatif, and `telemetry` hands stderr to the log.
    only_in(&["println!", "eprintln!", "print!(", "eprint!(", "io::stdout()"], &["host/src/cli/report.rs"]);
}

#[test]
fn transactions_begin_where_the_architecture_says() {
    // Rows and their checkpoint: `commit`, the final steps of junctions and, for references that are filled in, `finish` and
    // `heal`. The others begin one for bookkeeping alone: the migration's row, a look at checkpoints, provisional dead letters,
    // whose parents have come, events of components, what the commands show or forget; `numbering` notes the numbers that it
    // takes, `merge` reads what was gathered.
    let begins = host_lines()
        .into_iter()
        .filter(|(file, _, line)| line.contains(".begin().await") && !file.starts_with("host/src/connector/"));
    let mut files: Vec<String> = begins.map(|(file, _, _)| file.trim_start_matches("host/src/").to_owned()).collect();
    files.dedup();
    let expected = [
        "cli/dead_letter/discard.rs",
        "cli/dead_letter/export.rs",
        "cli/dead_letter/mod.rs",
        "cli/plugin/history.rs",
        "cli/reset.rs",
        "cli/status.rs",
        "run/commit.rs",
        "run/committed.rs",
        "run/conclude.rs",
        "run/dead_letter.rs",
        "run/finish.rs",
        "run/heal.rs",
        "run/identify.rs",
        "run/junction/again.rs",
        "run/junction/mod.rs",
        "run/junction/step.rs",
        "run/merge/late.rs",
        "run/merge/source.rs",
        "run/merges.rs",
        "run/mod.rs",
        "run/numbering.rs",
        "run/open.rs",
        "run/originals.rs",
        "run/parked.rs",
        "run/repair.rs",
        "run/repair/decide.rs",
        "run/replay.rs",
        "run/selection.rs",
        "run/stand_in.rs",
        "run/swap/keeper.rs",
        "run/swap/kept.rs",
        "run/unclaimed.rs",
        "run/validate/mod.rs",
        "run/validate/tables.rs",
        "run/validate/walk.rs",
        "run/verify.rs",
    ];
    assert_eq!(files, expected);
    let inserts = host_lines().into_iter().filter(|(file, _, line)| {
        (line.contains("tx.insert(") || line.contains("tx.update(")) && !file.starts_with("host/src/connector/")
    });
    let mut files: Vec<String> = inserts.map(|(file, _, _)| file).collect();
    files.dedup();
    assert_eq!(files, ["host/src/run/commit/write.rs", "host/src/run/junction/write.rs", "host/src/run/rewritten.rs"]);
}

#[test]
fn every_file_says_what_it_is_for() {
    let folders = ["host/src", "sdk/src", "tests/src", "tests/tests/suite", "xtask/src"];
    let silent: Vec<String> = folders
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|(_, text)| !text.trim().is_empty() && !text.starts_with("//!"))
        .map(|(file, _)| file)
        .collect();
    assert!(silent.is_empty(), "these do not begin with `//!`: {}", silent.join(", "));
}

#[test]
fn paths_in_the_docs_exist() {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|page| root().join(page)).into();
    for folder in ["docs", "examples", "plugins", "wit", "sdk"] {
        markdown(&root().join(folder), &mut pages);
    }
    let mut dead = Vec::new();
    for page in pages.iter().filter(|page| page.exists()) {
        let text = fs::read_to_string(page).unwrap();
        let folder = page.parent().unwrap();
        for path in text.split('`').skip(1).step_by(2).filter(|quoted| is_path(quoted)) {
            let place = path.split_once(':').map_or(path, |(path, _)| path).trim_end_matches('/');
            // What a build makes is not there in a clean clone.
            let is_made = place.ends_with(".wasm") || place.starts_with("target/") || place.contains("dump/");
            if !is_made && !root().join(place).exists() && !folder.join(place).exists() {
                dead.push(format!("{}: `{path}`", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(dead.is_empty(), "these paths are not there\n{}", dead.join("\n"));
}

/// A path of the workspace: it begins with a folder that the workspace has, and holds nothing to be filled in.
fn is_path(quoted: &str) -> bool {
    let first = quoted.split('/').next().unwrap_or_default();
    let has_gap = quoted.contains(['<', '*', '{', '$', ' ', '…', '(', '|']);
    quoted.contains('/') && !has_gap && !quoted.contains("..") && !first.is_empty() && root().join(first).is_dir()
}

fn markdown(folder: &Path, pages: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            markdown(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}
