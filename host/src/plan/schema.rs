//! Checks of a manifest or a plugin's configuration against a JSON Schema, in words for the person who wrote it.

use jsonschema::ValidationError;
use jsonschema::error::TypeKind;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value as Json;

use super::hint;

/// Pointer, message and hint of one thing that is wrong.
pub type Finding = (String, String, Option<String>);

/// Characters of a found value that a message shows.
const FOUND_CHARS_MAX: usize = 60;

/// Checks a value and returns everything that is wrong, or why the schema itself cannot be used.
pub fn check_against(schema: &Json, value: &Json) -> Result<Vec<Finding>, String> {
    let validator = jsonschema::validator_for(schema).map_err(|error| format!("the schema is not valid: {error}"))?;
    let mut found = Vec::new();
    for error in validator.iter_errors(value) {
        explain(schema, &error, &mut found);
    }
    Ok(found)
}

fn explain(schema: &Json, error: &ValidationError<'_>, found: &mut Vec<Finding>) {
    let pointer = error.instance_path().to_string();
    let instance = error.instance();
    let expected = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_properties(schema, &error.schema_path().to_string());
            for key in unexpected {
                let escaped = key.replace('~', "~0").replace('/', "~1");
                let hint = hint::among(key, &known);
                found.push((format!("{pointer}/{escaped}"), format!("unknown key `{key}`"), hint));
            }
            return;
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            let properties = parent_of(schema, &error.schema_path().to_string()).get("properties");
            let hint = properties.and_then(|properties| written(key, properties.get(key)?));
            found.push((pointer, format!("missing key `{key}`"), hint));
            return;
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            return explain_branches(schema, error, context, found);
        }
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => kind.to_string(),
        ValidationErrorKind::Type { kind: TypeKind::Multiple(kinds) } => {
            // An optional key may be null in the schema, and cannot be in TOML.
            let names: Vec<String> = kinds.iter().map(|kind| kind.to_string()).filter(|name| name != "null").collect();
            names.join(" or ")
        }
        ValidationErrorKind::Enum { options } => {
            explain_options(pointer, instance, options.as_array().map_or(&[], Vec::as_slice), found);
            return;
        }
        ValidationErrorKind::Constant { expected_value } => shown(expected_value),
        ValidationErrorKind::Minimum { limit } => format!("at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("at most {limit}"),
        ValidationErrorKind::MinLength { limit: 1 } => "some text".to_owned(),
        ValidationErrorKind::MinItems { limit: 1 } | ValidationErrorKind::MinProperties { limit: 1 } => {
            "at least one entry".to_owned()
        }
        ValidationErrorKind::Pattern { pattern } => words_of(schema, &error.schema_path().to_string(), "x-form")
            .unwrap_or_else(|| format!("text of the form `{pattern}`")),
        _ => {
            found.push((pointer, error.to_string().replace('"', "`"), None));
            return;
        }
    };
    let hint = words_of(schema, &error.schema_path().to_string(), "x-hint");
    found.push((pointer, format!("expected {expected}, found {}", shown(instance)), hint));
}

/// Of several forms a value may have, explains the one whose kind it has; the others were not meant.
fn explain_branches(
    schema: &Json,
    error: &ValidationError<'_>,
    branches: &[Vec<ValidationError<'static>>],
    found: &mut Vec<Finding>,
) {
    let here = error.instance_path().to_string();
    // An enum whose options are documented one by one is a choice of constants.
    let constants: Vec<Json> = branches
        .iter()
        .flatten()
        .filter_map(|error| match error.kind() {
            ValidationErrorKind::Constant { expected_value } => Some((**expected_value).clone()),
            _ => None,
        })
        .collect();
    if !constants.is_empty() && error.instance().is_string() {
        return explain_options(here, error.instance(), &constants, found);
    }
    let is_other_kind = |branch: &&Vec<ValidationError<'static>>| {
        branch.iter().any(|error| {
            error.instance_path().to_string() == here && matches!(error.kind(), ValidationErrorKind::Type { .. })
        })
    };
    let meant: Vec<_> = branches.iter().filter(|branch| !is_other_kind(branch)).collect();
    if let Some(branch) = meant.iter().min_by_key(|branch| branch.len()) {
        for error in *branch {
            explain(schema, error, found);
        }
        return;
    }
    let mut kinds: Vec<String> = Vec::new();
    for error in branches.iter().flatten() {
        if let ValidationErrorKind::Type { kind: TypeKind::Single(kind) } = error.kind() {
            kinds.push(kind.to_string());
        }
    }
    kinds.retain(|kind| kind != "null");
    kinds.dedup();
    found.push((here, format!("expected {}, found {}", kinds.join(" or "), shown(error.instance())), None));
}

fn explain_options(pointer: String, instance: &Json, options: &[Json], found: &mut Vec<Finding>) {
    let listed: Vec<String> = options.iter().filter(|option| !option.is_null()).map(shown).collect();
    let names: Vec<String> = options.iter().filter_map(|option| option.as_str().map(str::to_owned)).collect();
    let near = instance.as_str().and_then(|typed| hint::nearest(typed, &names));
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    found.push((pointer, format!("expected one of {}, found {}", listed.join(", "), shown(instance)), hint));
}

fn shown(value: &Json) -> String {
    let text = match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let short: String = text.chars().take(FOUND_CHARS_MAX).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

/// The names a failed `additionalProperties` would have taken, for the hint.
pub(super) fn known_properties(schema: &Json, path: &str) -> Vec<String> {
    let properties = parent_of(schema, path).get("properties").and_then(Json::as_object);
    properties.map(|object| object.keys().cloned().collect()).unwrap_or_default()
}

/// What a schema says in words about a keyword: of a `pattern` under `x-form`, of what to do under `x-hint`.
fn words_of(schema: &Json, path: &str, name: &str) -> Option<String> {
    parent_of(schema, path).get(name).and_then(Json::as_str).map(str::to_owned)
}

/// How a manifest would say a key that is missing; a schema without examples of it gives no hint.
fn written(key: &str, property: &Json) -> Option<String> {
    let example = property.get("examples")?.get(0)?;
    Some(format!(
        "such as `{}`",
        match example {
            Json::String(text) if text.starts_with('[') => text.clone(),
            example => format!("{key} = {example}"),
        }
    ))
}

/// The part of a schema that holds the keyword at the end of a path; `$ref`s on the way are followed.
fn parent_of<'a>(schema: &'a Json, path: &str) -> &'a Json {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let mut at = schema;
    for part in parent.split('/').skip(1) {
        at = match at.get("$ref").and_then(Json::as_str) {
            Some(reference) if part == "$ref" => schema.pointer(reference.trim_start_matches('#')).unwrap_or(at),
            _ => match at {
                Json::Array(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)).unwrap_or(at),
                _ => at.get(part).unwrap_or(at),
            },
        };
    }
    at
}
