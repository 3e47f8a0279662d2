//! Documents on their way: into the source, with what must become of them into the oracle, and counted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;

use serde_json::Value as Json;
use serde_json::json;

use super::Planted;
use super::Summary;
use super::dirt::Dirt;
use super::expected;
use super::expected::Expected;
use super::expected::Row;
use super::made::Made;
use super::people::Person;
use super::people::System;
use super::value::Store;
use super::world::World;

/// Where both systems are written to.
pub(super) struct Written<'a> {
    pub(super) world: &'a World,
    pub(super) system: System,
    pub(super) store: Box<dyn Store>,
    pub(super) expected: &'a mut Expected,
    pub(super) planted: &'a mut BufWriter<File>,
    pub(super) summary: &'a mut Summary,
}

impl Written<'_> {
    /// Writes a document, and the rows that it must become.
    pub(super) fn document(&mut self, made: Made<'_>, rows: Vec<(&'static str, Row)>) -> io::Result<()> {
        self.store.document(&made.path, &made.fields)?;
        let collection = self.collection(&made.path);
        *self.summary.documents.entry(collection.clone()).or_default() += 1;
        let fields = self.summary.fields.entry(collection.clone()).or_default();
        for (name, _) in &made.fields {
            match fields.get_mut(name.as_ref()) {
                Some(count) => *count += 1,
                None => drop(fields.insert(name.to_string(), 1)),
            }
        }
        if let Some((dirt, field)) = made.planted {
            self.plant(dirt, &made.path, field)?;
            if dirt.code().is_some() {
                return Ok(());
            }
        }
        rows.into_iter().try_for_each(|(table, row)| self.expected.row(table, row))
    }

    /// Notes that something is wrong with a document.
    pub(super) fn plant(&mut self, dirt: Dirt, path: &str, field: &'static str) -> io::Result<()> {
        let collection = self.collection(path);
        let line = json!({
            "collection": collection, "path": path, "dirt": dirt.name(), "field": field, "expected": dirt.expected(),
        });
        writeln!(self.planted, "{line}")?;
        if let Some(code) = dirt.code() {
            *self.summary.dead.entry(code).or_default() += 1;
        } else if dirt == Dirt::Dangling {
            *self.summary.nulled.entry(format!("{collection} {field}")).or_default() += 1;
        }
        *self.summary.planted.entry(Planted { collection, dirt }).or_default() += 1;
        Ok(())
    }

    /// Returns a document's collection as a manifest names it: `friday.engagements/list/*/rfis`, `*` for any document.
    fn collection(&self, path: &str) -> String {
        let segments: Vec<&str> = path.split('/').collect();
        let above = segments[..segments.len() - 1].iter().enumerate();
        // `friday/users` names a list; what lies deeper is a document among others.
        let named = above.map(|(depth, segment)| if depth > 2 && depth % 2 == 1 { "*" } else { segment });
        format!("{}.{}", self.system.source(), named.collect::<Vec<_>>().join("/"))
    }

    /// Returns the rows that connect a record with people, in the order of the list; of those who are the same person after
    /// the merge, the first stands, and the others are counted.
    pub(super) fn links(
        &mut self,
        table: &'static str,
        parent: (&'static str, Json),
        people: &[Person],
    ) -> Vec<(&'static str, Row)> {
        let mut seen: Vec<Person> = Vec::new();
        let mut rows = Vec::new();
        for (position, person) in people.iter().enumerate() {
            let survivor = self.world.people.survivor(*person);
            if seen.contains(&survivor) {
                *self.summary.collisions.entry(table).or_default() += 1;
                continue;
            }
            seen.push(survivor);
            let user = self.world.people.reference(*person);
            rows.push((table, vec![(parent.0, parent.1.clone()), ("user_id", user), ("position", position.into())]));
        }
        rows
    }
}

/// Returns a map of counts as JSON.
pub(super) fn counts<K: ToString, V: Clone + Into<Json>>(counts: &BTreeMap<K, V>) -> Json {
    counts.iter().map(|(key, value)| (key.to_string(), value.clone().into())).collect::<serde_json::Map<_, _>>().into()
}

/// Returns the row of the record at a path.
pub(super) fn row(path: &str) -> Json {
    expected::row(path)
}
