//! What the manifest permits a plugin: its limits and its grants, read and checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::components::Found;
use crate::plan::Manifest;
use crate::plan::plugin_table;
use crate::plugin::Folder;
use crate::plugin::Grants;
use crate::plugin::Limits;
use crate::plugin::MEMORY_BYTES_MAX;
use crate::plugin::STACK_BYTES_MAX;
use crate::plugin::bytes;
use crate::plugin::digest_of_folder;
use crate::plugin::digest_of_variable;

/// The variables that PostgreSQL's connections are made of begin so.
const CONNECTION_PREFIX: &str = "PG";

/// Returns the limits of a plugin.
pub fn limits(manifest: &Manifest, name: &str, found: &mut Found) -> Limits {
    let mut limits = Limits::default();
    let Some(table) = manifest.tables.plugin.get(name) else { return limits };
    let usual = limits.clone();
    let left_out = |key: &str, usual: &str| Some(format!("leave `{key}` out for the usual {usual}"));
    let sizes = [
        ("memory", &table.memory, &mut limits.memory_bytes, Some((MEMORY_BYTES_MAX, "4GiB")), usual.memory_bytes),
        ("output-bytes", &table.output_bytes, &mut limits.output_bytes, None, usual.output_bytes),
        ("log-bytes", &table.log_bytes, &mut limits.log_bytes, None, usual.log_bytes),
        ("stack", &table.stack, &mut limits.stack_bytes, Some((STACK_BYTES_MAX, "1MiB")), usual.stack_bytes),
    ];
    for (key, text, limit, max, usual) in sizes {
        let Some(text) = text else { continue };
        match (plugin_table::parse_bytes(text), max) {
            // Of a log, nothing may be wanted; without the others no call succeeds.
            (Some(0), _) if key != "log-bytes" => found.push((
                format!("/plugin/{name}/{key}"),
                format!("expected more than nothing, found `{text}`"),
                left_out(key, &bytes(usual)),
            )),
            (Some(bytes), Some((max, said))) if bytes > max => {
                found.push((
                    format!("/plugin/{name}/{key}"),
                    format!("expected `{said}` at most, found `{text}`"),
                    None,
                ));
            }
            (Some(bytes), _) => *limit = bytes,
            (None, _) => {
                let message = format!("expected a size such as `64MiB`, found `{text}`");
                found.push((format!("/plugin/{name}/{key}"), message, None));
            }
        }
    }
    let counts = [
        (table.output_rows, &mut limits.output_rows),
        (table.log_lines, &mut limits.log_lines),
        (table.table_elements, &mut limits.table_elements),
        (table.tables, &mut limits.tables),
        (table.instances, &mut limits.instances),
    ];
    for (count, limit) in counts {
        *limit = count.unwrap_or(*limit);
    }
    if let Some(deadline) = &table.deadline {
        let parsed = deadline.parse::<jiff::SignedDuration>().ok().and_then(|duration| duration.try_into().ok());
        match parsed {
            Some(duration) if duration > Duration::ZERO => limits.deadline = duration,
            _ => {
                let message = format!("expected a time such as `2s`, found `{deadline}`");
                let hint = left_out("deadline", &format!("{:?}", usual.deadline));
                found.push((format!("/plugin/{name}/deadline"), message, hint));
            }
        }
    }
    limits
}

/// Returns what a plugin is granted, and the digest of each input by its name.
pub fn grants(manifest: &Manifest, name: &str, found: &mut Found) -> (Grants, BTreeMap<String, String>) {
    let (mut grants, mut inputs) = (Grants::default(), BTreeMap::new());
    let Some(table) = manifest.tables.plugin.get(name).map(|table| &table.grant) else { return (grants, inputs) };
    grants.has_files = table.files.is_some();
    for (index, folder) in table.files.iter().flatten().enumerate() {
        let pointer = format!("/plugin/{name}/grant/files/{index}");
        let path = manifest.path(&folder.path);
        if let Some(what) = holds_connection(manifest, &path) {
            let hint = "no plugin may see how whimbrel connects; grant a folder of its own".to_owned();
            found.push((
                format!("{pointer}/path"),
                format!("the folder `{}` holds {what}", path.display()),
                Some(hint),
            ));
            continue;
        }
        match digest_of_folder(&path) {
            Err(error) => {
                let message = format!("expected a folder that can be read, found `{}`: {error}", path.display());
                found.push((format!("{pointer}/path"), message, None));
            }
            Ok(_) if inputs.contains_key(&folder.r#as) => {
                found.push((
                    format!("{pointer}/as"),
                    format!("expected each place once, found `{}` twice", folder.r#as),
                    None,
                ));
            }
            Ok(digest) => {
                inputs.insert(folder.r#as.clone(), digest);
                grants.folders.push(Folder { path, guest_path: folder.r#as.clone() });
            }
        }
    }
    for (index, variable) in table.env.iter().enumerate() {
        match value_of(manifest, variable) {
            Ok(value) => {
                inputs.insert(format!("${variable}"), digest_of_variable(&value));
                grants.variables.push((variable.clone(), value));
            }
            Err((message, hint)) => found.push((format!("/plugin/{name}/grant/env/{index}"), message, hint)),
        }
    }
    (grants, inputs)
}

/// Returns what a folder, or one within it, holds that tells how whimbrel connects.
fn holds_connection(manifest: &Manifest, folder: &Path) -> Option<&'static str> {
    let folder = folder.canonicalize().ok()?;
    // An empty path is the working folder.
    let within = |path: &Path| Path::new(".").join(path).canonicalize().is_ok_and(|path| path.starts_with(&folder));
    if within(&manifest.folder) {
        return Some("the manifest");
    }
    let database = manifest.tables.target.url.strip_prefix("sqlite:")?;
    within(manifest.folder.join(database).parent()?).then_some("the target")
}

/// Returns a variable's value, unless it belongs to a connection.
fn value_of(manifest: &Manifest, variable: &str) -> Result<String, (String, Option<String>)> {
    let connection = |whose: &str| {
        let hint = "no plugin may see how whimbrel connects; grant another variable".to_owned();
        Err((format!("the variable `{variable}` is {whose}"), Some(hint)))
    };
    if let Some(url) = manifest.tables.url_variables.get(variable) {
        return connection(&format!("part of `{}`", url.trim_start_matches('/').replace('/', ".")));
    }
    if variable.starts_with(CONNECTION_PREFIX) {
        return connection("one that connections to PostgreSQL are made of");
    }
    let value = std::env::var(variable);
    let value = value.map_err(|_| (format!("the environment variable `{variable}` is not set or not text"), None))?;
    let mut urls = manifest.tables.source.values().map(|source| &source.url).chain([&manifest.tables.target.url]);
    if urls.any(|url| *url == value) {
        return connection("the URL of a source or of the target");
    }
    Ok(value)
}
