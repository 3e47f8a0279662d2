//! The manifest as a user writes it: read, checked against its own schema, nothing resolved yet.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use super::draft::Draft;
use super::position::Places;
use super::problem::Problem;
use super::problem::Problems;
use super::schema::Finding;
use super::tables::Tables;
use crate::error::Failure;

/// A manifest, with its text for messages.
#[derive(Debug, Clone)]
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
    /// Reads and checks a manifest file; every problem of its text at once.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        Draft::read(path)?.finish()
    }

    /// Returns the failure that says all of these problems, as the file has them.
    pub fn refused(&self, found: Vec<Finding>) -> Failure {
        Problems { file: self.file.clone(), problems: place(&self.text, found) }.into()
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

/// Turns problems by pointer into placed problems, sorted as the file has them; each is told once.
pub(super) fn place(text: &str, found: Vec<Finding>) -> Vec<Problem> {
    let places = Places::parse(text).ok();
    let mut problems: Vec<Problem> = found
        .into_iter()
        .map(|(pointer, message, hint)| {
            let (line, column) = places.as_ref().map_or((1, 1), |places| places.locate(&pointer));
            Problem { pointer, line, column, message, hint }
        })
        .collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    // What holds for all entities is looked at for each of them.
    problems.dedup();
    problems
}

impl Tables {
    /// Puts environment variables into the places that take them; returns those that are not set.
    pub(super) fn expand(&mut self, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
        let mut unset = Vec::new();
        let mut url_variables = BTreeMap::new();
        let mut places: Vec<(String, &mut String)> =
            self.source.iter_mut().map(|(name, source)| (format!("/source/{name}/url"), &mut source.url)).collect();
        places.extend(self.target.places());
        places.extend(self.plugins.as_mut().map(|plugins| ("/plugins".to_owned(), plugins)));
        for (pointer, text) in places {
            if pointer.ends_with("/url") {
                let names = text.split("${").skip(1).filter_map(|after| after.split([':', '}']).next());
                url_variables.extend(names.map(|name| (name.to_owned(), pointer.clone())));
            }
            match expand(text, variable) {
                Ok(expanded) => *text = expanded,
                Err((message, hint)) => unset.push((pointer, message, hint)),
            }
        }
        self.url_variables = url_variables;
        unset
    }
}

/// Replaces `${NAME}` and `${NAME:-default}`.
fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, (String, Option<String>)> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, behind) =
            after.split_once('}').ok_or_else(|| (format!("expected `}}` after `${{` in `{text}`"), None))?;
        let (name, default) = inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
        let value = variable(name).filter(|value| !value.is_empty() || default.is_none());
        out.push_str(before);
        match value.as_deref().or(default) {
            Some(value) => out.push_str(value),
            None => {
                let hint = format!("set it, or say what holds without it: `${{{name}:-…}}`");
                return Err((format!("the environment variable `{name}` is not set"), Some(hint)));
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}
