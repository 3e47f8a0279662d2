//! The manifest as a user writes it: read, checked against its own schema, nothing resolved yet.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::position::Places;
use super::problem::Problem;
use super::problem::Problems;
use super::schema::check_against;
use super::tables::Tables;
use super::tables::schema;
use crate::error::Failure;

/// A manifest, with its text for messages.
#[derive(Debug)]
pub struct Manifest {
    /// The path as the user gave it.
    pub file: String,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// As written.
    pub text: String,
    /// What it says.
    pub tables: Tables,
}

impl Manifest {
    /// Reads and checks a manifest file; every problem at once.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read the manifest `{file}`"))
                .cause(error)
                .hint("give the path of a migration.toml; `examples/` has some to copy")
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::parse(file, folder.to_owned(), text)
    }

    fn parse(file: String, folder: PathBuf, text: String) -> Result<Self, Failure> {
        let failure =
            |problems| Failure::usage("the manifest cannot be used").cause(Problems { file: file.clone(), problems });
        if let Err((message, line, column)) = Places::parse(&text) {
            let message = message.replace('\n', ", ");
            return Err(failure(vec![Problem { pointer: String::new(), line, column, message, hint: None }]));
        }
        let json: Json = toml::from_str(&text).map_err(|error| {
            Failure::usage(format!("the manifest `{file}` cannot be used")).cause(error.message().to_owned())
        })?;
        let found = check_against(&schema(), &json).map_err(Failure::bug)?;
        if !found.is_empty() {
            return Err(failure(place(&text, "", found)));
        }
        let mut tables: Tables = serde_json::from_value(json)
            .map_err(|error| Failure::usage(format!("the manifest `{file}` cannot be used")).cause(error))?;
        let unknown = tables.expand(&|name| std::env::var(name).ok());
        if !unknown.is_empty() {
            return Err(failure(place(&text, "", unknown)));
        }
        Ok(Self { file, folder, text, tables })
    }

    /// Turns problems by pointer into placed problems, sorted as the file has them.
    pub fn problems(&self, prefix: &str, found: Vec<(String, String, Option<String>)>) -> Vec<Problem> {
        place(&self.text, prefix, found)
    }

    /// Returns the 1-based line and column that wrote what a pointer names.
    pub fn line_of(&self, pointer: &str) -> (usize, usize) {
        Places::parse(&self.text).map_or((1, 1), |places| places.locate(pointer))
    }

    /// Returns a path of the manifest as seen from the working folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.join(relative)
    }
}

fn place(text: &str, prefix: &str, found: Vec<(String, String, Option<String>)>) -> Vec<Problem> {
    let places = Places::parse(text).ok();
    let mut problems: Vec<Problem> = found
        .into_iter()
        .map(|(pointer, message, hint)| {
            let pointer = format!("{prefix}{pointer}");
            let (line, column) = places.as_ref().map_or((1, 1), |places| places.locate(&pointer));
            Problem { pointer, line, column, message, hint }
        })
        .collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

impl Tables {
    /// Puts environment variables into the places that take them; returns those that are not set.
    fn expand(&mut self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<(String, String, Option<String>)> {
        let mut unset = Vec::new();
        let mut url_variables = BTreeMap::new();
        let mut places: Vec<(String, &mut String)> =
            self.source.iter_mut().map(|(name, source)| (format!("/source/{name}/url"), &mut source.url)).collect();
        places.push(("/target/url".to_owned(), &mut self.target.url));
        places.extend(self.target.schema.as_mut().map(|schema| ("/target/schema".to_owned(), schema)));
        places.extend(self.plugins.as_mut().map(|plugins| ("/plugins".to_owned(), plugins)));
        for (pointer, text) in places {
            if pointer.ends_with("/url") {
                let names = text.split("${").skip(1).filter_map(|after| after.split([':', '}']).next());
                url_variables.extend(names.map(|name| (name.to_owned(), pointer.clone())));
            }
            match expand(text, variable) {
                Ok(expanded) => *text = expanded,
                Err(message) => unset.push((pointer, message, None)),
            }
        }
        self.url_variables = url_variables;
        unset
    }
}

/// Replaces `${NAME}` and `${NAME:-default}`.
fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, behind) = after.split_once('}').ok_or_else(|| format!("expected `}}` after `${{` in `{text}`"))?;
        let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
        let value = variable(name).filter(|value| !value.is_empty() || default.is_none());
        out.push_str(before);
        match value.as_deref().or(default) {
            Some(value) => out.push_str(value),
            None => return Err(format!("the environment variable `{name}` is not set")),
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}
