//! What a checkpoint hangs on: a resume under another identity is refused, one with another output needs consent.
//!
//! Three parts: *identity* (namespace, sources, keys, id strategies), *output* (configuration, component digests,
//! target tables with their constraints and triggers, policies) and tuning (limits, budgets, batch sizes), which is free and therefore not stored.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::json;

use crate::plan::TablePlan;
use crate::record::Column;
use crate::record::TableSchema;

/// The two stored parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Fingerprint {
    /// May never change.
    pub identity: Json,
    /// May change with consent.
    pub output: Json,
}

/// What one entity adds to the fingerprint.
pub struct EntityParts {
    /// Its name.
    pub name: String,
    /// The source's own identity: where it is and what is read there.
    pub source: String,
    /// The condition that rows are selected by.
    pub filter: Option<String>,
    /// The fields that make the key.
    pub key: Vec<String>,
    /// The id strategy.
    pub id: &'static str,
    /// The transformer's configuration, as JSON text.
    pub config: String,
    /// The transformer and every validator.
    pub plugins: Vec<PluginParts>,
    /// The tables as the target describes them, by name.
    pub tables: BTreeMap<String, Json>,
    /// The conflict policy and the reference policies, in words.
    pub policies: String,
}

/// What one component adds to the fingerprint.
pub struct PluginParts {
    /// Its name.
    pub name: String,
    /// Its sha-256, hexadecimal.
    pub digest: String,
    /// A validator's configuration, as JSON text.
    pub config: String,
    /// The digests of the folders and variables that it is granted.
    pub inputs: BTreeMap<String, String>,
}

impl PluginParts {
    fn json(&self) -> Json {
        let mut json = json!({ "digest": self.digest, "config": self.config });
        if !self.inputs.is_empty() {
            json["granted"] = json!(self.inputs);
        }
        json
    }
}

impl Fingerprint {
    /// Makes a migration's fingerprint.
    pub fn new(namespace: &str, entities: &[EntityParts]) -> Self {
        let mut identities = BTreeMap::new();
        let mut outputs = BTreeMap::new();
        for entity in entities {
            let mut identity = json!({ "source": entity.source, "key": entity.key.join(", "), "id": entity.id });
            if let Some(filter) = &entity.filter {
                identity["where"] = json!(filter);
            }
            identities.insert(&entity.name, identity);
            let config: Json = serde_json::from_str(&entity.config).unwrap_or(Json::Null);
            let plugins: BTreeMap<&str, Json> =
                entity.plugins.iter().map(|plugin| (plugin.name.as_str(), plugin.json())).collect();
            outputs.insert(
                &entity.name,
                json!({ "config": config, "plugins": plugins, "tables": entity.tables, "policies": entity.policies }),
            );
        }
        Self {
            identity: json!({ "namespace": namespace, "entities": identities }),
            output: json!({ "entities": outputs }),
        }
    }

    /// Returns what differs in the identity of entities that both know; an entity that came or went changes the output.
    pub fn identity_changes(&self, stored: &Json) -> Vec<String> {
        let known = |json: &Json| json["entities"].as_object().cloned().unwrap_or_default();
        let (before, after) = (known(stored), known(&self.identity));
        let mut changes = Vec::new();
        differences("namespace", &stored["namespace"], &self.identity["namespace"], &mut changes);
        for (name, entity) in before.iter().filter(|(name, _)| after.contains_key(*name)) {
            differences(&format!("entity `{name}`: "), entity, &after[name], &mut changes);
        }
        changes
    }

    /// Returns the identity to store: entities that have left the manifest keep theirs, for they may come back.
    pub fn identity_with(&self, stored: Option<&Json>) -> Json {
        let mut identity = self.identity.clone();
        let before = stored.and_then(|stored| stored["entities"].as_object());
        if let (Some(before), Some(now)) = (before, identity["entities"].as_object_mut()) {
            for (name, entity) in before {
                now.entry(name).or_insert_with(|| entity.clone());
            }
        }
        identity
    }

    /// Returns what differs in the output.
    pub fn output_changes(&self, stored: &Json) -> Vec<String> {
        let mut changes = Vec::new();
        differences("", &stored["entities"], &self.output["entities"], &mut changes);
        changes
    }
}

/// Returns what decides of a table which rows it takes, and with what in them.
pub fn table_json(table: &TablePlan) -> Json {
    let schema = &table.schema;
    let mut columns = BTreeMap::new();
    for (index, column) in schema.columns.iter().enumerate() {
        let Column { name, declared, nullable, has_default, generated, .. } = column;
        let not_null = if *nullable { "" } else { " not null" };
        if table.columns.contains(&index) {
            columns.insert(name, format!("{declared}{not_null}"));
        } else if *has_default && !generated {
            columns.insert(name, format!("{declared}{not_null}, filled in by the target"));
        }
    }
    let uniques = schema.uniques.iter().map(|unique| (&unique.name, listed(schema, &unique.columns)));
    let references = schema.foreign_keys.iter().map(|key| {
        let parent = format!("{} ({})", key.parent, key.parent_columns.join(", "));
        (&key.name, format!("{} → {parent}", listed(schema, &key.columns)))
    });
    let others = schema.not_predicted.iter().map(|words| (words, "in force"));
    json!({
        "columns": columns,
        "primary-key": listed(schema, &schema.primary_key),
        "uniques": uniques.collect::<BTreeMap<_, _>>(),
        "references": references.collect::<BTreeMap<_, _>>(),
        "others": others.collect::<BTreeMap<_, _>>(),
    })
}

fn listed(schema: &TableSchema, columns: &[usize]) -> String {
    columns.iter().map(|&column| schema.columns[column].name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Adds `path: was …, is …` for every leaf that differs.
fn differences(path: &str, before: &Json, after: &Json, changes: &mut Vec<String>) {
    match (before, after) {
        (Json::Object(before), Json::Object(after)) => {
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let below = if path.is_empty() || path.ends_with(' ') {
                    format!("{path}{name}")
                } else {
                    format!("{path}.{name}")
                };
                let null = Json::Null;
                differences(&below, before.get(name).unwrap_or(&null), after.get(name).unwrap_or(&null), changes);
            }
        }
        _ if before == after => {}
        _ => changes.push(format!("{path}: was {}, is {}", shown(before), shown(after))),
    }
}

fn shown(value: &Json) -> String {
    let text = match value {
        Json::Null => return "not there".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::EntityParts;
    use super::Fingerprint;

    fn fingerprint(key: &str, config: &str) -> Fingerprint {
        Fingerprint::new(
            "crm",
            &[EntityParts {
                name: "users".into(),
                source: "dump/Users".into(),
                filter: None,
                key: vec![key.into()],
                id: "uuid-v5",
                config: config.into(),
                plugins: Vec::new(),
                tables: BTreeMap::new(),
                policies: String::new(),
            }],
        )
    }

    #[test]
    fn a_changed_key_is_named_as_identity_and_a_changed_mapping_as_output() {
        let stored = fingerprint("_id", r#"{"columns": {"a": "b"}}"#);
        let changed = fingerprint("email", r#"{"columns": {"a": "c"}}"#);
        assert_eq!(changed.identity_changes(&stored.identity), ["entity `users`: key: was `_id`, is `email`"]);
        assert_eq!(changed.output_changes(&stored.output), ["users.config.columns.a: was `b`, is `c`"]);
        assert!(
            stored.identity_changes(&stored.identity).is_empty() && stored.output_changes(&stored.output).is_empty()
        );
    }
}
