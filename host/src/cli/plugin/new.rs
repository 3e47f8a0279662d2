//! `whimbrel plugin new`: a crate that builds, with one golden case and a migration to try it in.

use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;
use serde::Serialize;

use crate::cli::DONE;
use crate::cli::report;
use crate::error::Failure;

/// The longest name: file names have limits.
const NAME_CHARS_MAX: usize = 64;
/// Names that a library cannot have, or that would hide one that it needs.
const TAKEN: [&str; 51] = [
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "std", "struct",
    "super", "test", "trait", "true", "try", "type", "use", "where", "while", "yield",
];

/// What `new` takes.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The plugin's name, such as `acme-users`: its folder, its crate, and what a manifest calls it
    #[arg(value_name = "NAME")]
    name: String,
    /// What it does: turn documents into rows, or check rows
    #[arg(long, value_name = "WORLD")]
    world: WorldArg,
    /// Where the SDK is: the folder `sdk` of whimbrel's sources, the URL of its git repository, or a version
    #[arg(long, value_name = "SDK", env = "WHIMBREL_SDK")]
    sdk: Option<String>,
}

/// What a component does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorldArg {
    /// Turns documents into rows
    Transformer,
    /// Checks rows
    Validator,
}

/// A crate that was made.
#[derive(Debug, Serialize)]
pub struct Made {
    /// The plugin's name.
    pub name: String,
    /// What it does.
    pub world: WorldArg,
    /// What its `Cargo.toml` says of the SDK.
    pub sdk: String,
    /// Every file, relative to its folder.
    pub files: Vec<&'static str>,
}

/// A file of a template; `{{name}}`, `{{crate}}`, `{{type}}` and `{{sdk}}` are filled in.
type File = (&'static str, &'static str);

const SHARED: [File; 2] =
    [("Cargo.toml", include_str!("template/Cargo.toml.in")), (".gitignore", include_str!("template/gitignore"))];

const TRANSFORMER: [File; 8] = [
    ("src/lib.rs", include_str!("template/transformer/src/lib.rs.in")),
    ("tests/cases.rs", include_str!("template/transformer/tests/cases.rs.in")),
    ("cases/users.input.json", include_str!("template/transformer/cases/users.input.json")),
    ("cases/users.expected.json", include_str!("template/transformer/cases/users.expected.json")),
    ("example/migration.toml", include_str!("template/transformer/example/migration.toml.in")),
    ("example/schema.sql", include_str!("template/transformer/example/schema.sql")),
    ("example/users.json", include_str!("template/transformer/example/users.json")),
    ("README.md", include_str!("template/transformer/README.md.in")),
];

const VALIDATOR: [File; 5] = [
    ("src/lib.rs", include_str!("template/validator/src/lib.rs.in")),
    ("tests/cases.rs", include_str!("template/validator/tests/cases.rs.in")),
    ("cases/rows.input.json", include_str!("template/validator/cases/rows.input.json")),
    ("cases/rows.expected.json", include_str!("template/validator/cases/rows.expected.json")),
    ("README.md", include_str!("template/validator/README.md.in")),
];

/// Makes the crate.
pub fn new(args: &NewArgs, json: bool) -> Result<u8, Failure> {
    check_name(&args.name)?;
    let folder = Path::new(&args.name);
    if folder.symlink_metadata().is_ok() {
        let message = format!("there is already a `{}` here, and it is left as it is", args.name);
        return Err(Failure::usage(message).hint("choose another name, or another folder to begin in"));
    }
    let sdk = sdk(args.sdk.as_deref())?;
    let library = args.name.replace('-', "_");
    let files = match args.world {
        WorldArg::Transformer => SHARED.iter().chain(&TRANSFORMER),
        WorldArg::Validator => SHARED.iter().chain(&VALIDATOR),
    };
    let mut made = Made { name: args.name.clone(), world: args.world, sdk, files: Vec::new() };
    for (path, text) in files {
        let text = text.replace("{{name}}", &args.name).replace("{{crate}}", &library);
        let text = text.replace("{{type}}", &type_name(&args.name)).replace("{{sdk}}", &made.sdk);
        write(&folder.join(path), &text)?;
        made.files.push(path);
    }
    report::author::made(&made, json);
    Ok(DONE)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
    written.map_err(|error| Failure::failed(format!("cannot write `{}`", path.display())).cause(error))
}

/// A name is good for a folder, a crate, a manifest's key and a file of a component alike.
fn check_name(name: &str) -> Result<(), Failure> {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    let expected = if name.len() > NAME_CHARS_MAX {
        format!("a name of at most {NAME_CHARS_MAX} characters")
    } else if !name.starts_with(|letter: char| letter.is_ascii_lowercase()) || !name.split('-').all(is_word) {
        "lower-case words and digits joined by `-`, a letter first".to_owned()
    } else if TAKEN.contains(&name) || name.starts_with("whimbrel-sdk") {
        "a name that Rust or the SDK does not use itself".to_owned()
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!("expected {expected}, found `{name}`")).hint("such as `acme-users`"))
}

/// Returns `AcmeUsers` for `acme-users`.
fn type_name(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// Returns what `Cargo.toml` says of the SDK: that of the sources this command was built from, unless another is named.
fn sdk(named: Option<&str>) -> Result<String, Failure> {
    let Some(named) = named else {
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("sdk");
        return path_of_sdk(&built_from).ok_or_else(|| {
            Failure::usage("expected to be told where the SDK is: the sources of this command are not on this machine")
                .hint("clone whimbrel and say `--sdk <its folder>/sdk`; the SDK is not on crates.io before the first release")
        });
    };
    if let Some(path) = path_of_sdk(Path::new(named)) {
        return Ok(path);
    }
    let looks_like_a_version =
        named.trim_start_matches(['=', '^', '~']).starts_with(|first: char| first.is_ascii_digit());
    match named {
        named if named.contains("://") => Ok(format!("{{ git = {} }}", quoted(named))),
        named if looks_like_a_version => Ok(quoted(named)),
        named => Err(Failure::usage(format!("expected a folder with the SDK, found none at `{named}`"))
            .hint("`--sdk` takes the folder `sdk` of whimbrel's sources, the URL of its git repository, or a version")),
    }
}

fn path_of_sdk(folder: &Path) -> Option<String> {
    let folder: PathBuf = folder.canonicalize().ok()?;
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let is_sdk = manifest.lines().any(|line| line.trim() == "name = \"whimbrel-sdk\"");
    is_sdk.then(|| format!("{{ path = {} }}", quoted(&folder.to_string_lossy())))
}

/// Writes a string as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_good_for_everything_that_is_called_so() {
        for good in ["acme-users", "a", "v2-users", "users2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(NAME_CHARS_MAX + 1);
        for bad in ["", "Acme", "acme_users", "2users", "-a", "a-", "a--b", "a/b", "../a", "type", "test", "é", &long]
        {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_sdk_is_a_path_a_repository_or_a_version() {
        let shown = |named| sdk(Some(named)).ok();
        assert_eq!(shown("0.1.0").as_deref(), Some("\"0.1.0\""));
        assert_eq!(shown("https://host/whimbrel.git").as_deref(), Some("{ git = \"https://host/whimbrel.git\" }"));
        assert_eq!(shown("no/such/folder"), None);
        assert!(sdk(None).is_ok_and(|found| found.contains("path = ")), "tests run where the sources are");
    }
}
