//! Which id a record has in the target, and which record has an id. Nothing is written.

use std::collections::BTreeSet;

use serde::Serialize;
use uuid::Uuid;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::check::Reads;
use super::open;
use super::open::Opened;
use super::progress::Progress;
use crate::connector::Source;
use crate::connector::source::ReadLimit;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::EntityPlan;
use crate::plan::IdStrategy;
use crate::plan::Manifest;
use crate::plan::hint;
use crate::plan::tables::EntityTable;
use crate::record::Column;
use crate::record::ColumnType;
use crate::record::Kept;
use crate::record::Key;
use crate::record::Position;
use crate::record::Value;
use crate::record::convert;
use crate::record::convert::Converted;
use crate::record::form::form;
use crate::record::key;
use crate::record::key::EntityIds;
use crate::record::key_text;
use crate::record::packed;
use crate::record::spelled;
use crate::record::value;

/// A record's key and its id, as far as they were found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Identity {
    /// The migration.
    pub migration: String,
    /// The entity.
    pub entity: String,
    /// How its ids come about.
    pub strategy: &'static str,
    /// The source key, in canonical form.
    pub key: Option<String>,
    /// Other keys that the text may mean, where no row tells which one is meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_keys: Vec<String>,
    /// The target's id.
    pub id: Option<String>,
    /// Table and column that hold the id.
    pub column: Option<String>,
    /// Whether a row with the id stands in the target; `None` where that is not known.
    pub stands: Option<bool>,
    /// Why that is not known.
    pub unknown: Option<String>,
    /// How many records of the source were looked at, where that had to be.
    pub records: Option<u64>,
}

/// Returns the id of the record that this text is the key of.
pub async fn id_of(manifest: Manifest, entity: &str, text: &str) -> Result<Identity, Failure> {
    let (index, table) = entity_table(&manifest, entity)?;
    let (strategy, fields) = (strategy(&manifest, table), table.key_fields(manifest.tables.source_url(table)));
    let mut keys = key_text::read(text, fields.len());
    let [first, ..] = keys.as_slice() else {
        return Err(Failure::usage(format!("expected a key of {} values, found {}", fields.len(), quoted(text)))
            .hint(format!("write `{}` as a JSON array, or the key as messages have it", fields.join("`, `"))));
    };
    let found = identity(&manifest, entity, strategy);
    let ids = EntityIds::new(manifest.tables.namespace.as_deref().unwrap_or(&manifest.tables.name), entity);
    let opened = match open::open(manifest, Mode::ReadOnly, Reads::Nothing).await {
        Ok(opened) => opened,
        // These need no target.
        Err(failure) if !strategy.is_stored() => {
            let id = match strategy {
                IdStrategy::UuidV5 => Some(ids.id(first).to_string()),
                _ => Kept::of_key(first).map(|kept| kept.to_string()),
            };
            let (key, unknown) = (Some(first.as_str().to_owned()), Some(failure.to_string()));
            return Ok(Identity { key, other_keys: others(&keys, first.as_str()), id, unknown, ..found });
        }
        Err(failure) => return Err(failure),
    };
    let look = Look::new(&opened, index).await?;
    if let Some(column) = look.column().filter(|_| strategy == IdStrategy::Keep && fields.len() == 1) {
        keys.extend(spelled_key(text, column).filter(|key| !keys.contains(key)));
    }
    let mut best: Option<Identity> = None;
    // A text may mean several keys: the one whose row stands, or that has an id, is meant.
    for key in &keys {
        let id = look.id(key, &ids).await?;
        let key = Some(key.as_str().to_owned());
        let one = look.told(Identity { key, ..found.clone() }, id).await?;
        let is_better = |best: &Identity| {
            (one.stands == Some(true), one.id.is_some()) > (best.stands == Some(true), best.id.is_some())
        };
        if best.as_ref().is_none_or(is_better) {
            best = Some(one);
        }
    }
    let mut best = best.ok_or_else(|| Failure::bug("no key was looked at"))?;
    if best.stands != Some(true) {
        best.other_keys = others(&keys, best.key.as_deref().unwrap_or_default());
    }
    Ok(best)
}

/// Returns a text for a message; an empty one as JSON, so that it is seen.
pub fn quoted(text: &str) -> String {
    match text {
        "" => "`\"\"`".to_owned(),
        text => format!("`{text}`"),
    }
}

fn others(keys: &[Key], meant: &str) -> Vec<String> {
    keys.iter().map(|key| key.as_str().to_owned()).filter(|key| key != meant).collect()
}

/// Returns the record that has this id; where it cannot be computed back, the source is read. `terminal` shows bars.
pub async fn key_of(manifest: Manifest, entity: &str, text: &str, terminal: bool) -> Result<Identity, Failure> {
    let (index, table) = entity_table(&manifest, entity)?;
    let strategy = strategy(&manifest, table);
    let found = identity(&manifest, entity, strategy);
    let no_id = |what: &str| Failure::usage(format!("expected {what}, found {}", quoted(text)));
    if strategy == IdStrategy::UuidV5 {
        let id: Uuid = text.parse().map_err(|_| no_id("a UUID"))?;
        let mut opened = open::open(manifest, Mode::ReadOnly, Reads::Sources).await?;
        let place = planned(&opened, index)?;
        let source = opened.sources.remove(place);
        let ids = EntityIds::new(&opened.plan.namespace, entity);
        let (key, records) = search(source, &ids, id, entity, terminal).await?;
        let found = Identity { key: key.map(|key| key.as_str().to_owned()), records: Some(records), ..found };
        return Look::new(&opened, index).await?.told(found, Some(Value::Uuid(id))).await;
    }
    let opened = open::open(manifest, Mode::ReadOnly, Reads::Nothing).await?;
    let look = Look::new(&opened, index).await?;
    let column = look.column().ok_or_else(|| look.no_column())?;
    let id = typed(text, column).ok_or_else(|| no_id(&format!("an id of {}", column.type_words())))?;
    let keys = match strategy {
        IdStrategy::Keep => keys_kept(text, &id, column),
        _ => look.stored_key(&id).await?.into_iter().collect(),
    };
    let mut keys = keys.into_iter();
    let found = Identity { key: keys.next(), other_keys: keys.collect(), ..found };
    look.told(found, Some(id)).await
}

/// Reads a source to the record with this id, or to its end; returns its key and how many records were looked at.
async fn search(
    mut source: Box<dyn Source>,
    ids: &EntityIds,
    id: Uuid,
    entity: &str,
    terminal: bool,
) -> Result<(Option<Key>, u64), Failure> {
    let progress = Progress::new(terminal, 1, 0);
    let mut bar = progress.entity(entity, 0, source.progress(&Position::default()));
    bar.begin();
    let (mut after, mut records, mut found) = (Position::default(), 0, None);
    while let Some(batch) = source.read(&after, ReadLimit { records: 1_000, bytes: 16 << 20 }).await? {
        let keys = batch.records.iter().map(|record| record.key.as_ref());
        let place = keys.clone().position(|key| key.is_some_and(|key| ids.id(key) == id));
        records += place.map_or(batch.records.len(), |place| place + 1) as u64;
        if let Some(place) = place {
            found = batch.records[place].key.clone();
            break;
        }
        bar.advance(&Checkpoint { position: batch.end.clone(), ..Checkpoint::default() }, source.progress(&batch.end));
        after = batch.end;
    }
    progress.end();
    Ok((found, records))
}

/// An entity of a migration that is open.
struct Look<'a> {
    opened: &'a Opened,
    plan: &'a EntityPlan,
    books: Bookkeeping,
    has_books: bool,
}

impl<'a> Look<'a> {
    /// `index` is the entity's in the manifest.
    async fn new(opened: &'a Opened, index: usize) -> Result<Self, Failure> {
        let plan = &opened.plan.entities[planned(opened, index)?];
        let books = Bookkeeping::new(&*opened.target, &opened.plan.name);
        Ok(Self { opened, plan, books, has_books: opened.target.has_own_tables().await? })
    }

    /// The column that holds the ids.
    fn column(&self) -> Option<&Column> {
        self.plan.main_table().map(|(table, id)| &table.schema.columns[table.columns[id]])
    }

    fn no_column(&self) -> Failure {
        Failure::failed(format!("the transformer of `{}` names no id column", self.plan.name))
    }

    async fn id(&self, key: &Key, ids: &EntityIds) -> Result<Option<Value>, Failure> {
        Ok(match self.plan.id {
            IdStrategy::UuidV5 => Some(Value::Uuid(ids.id(key))),
            IdStrategy::Keep => self.column().and_then(|column| kept(key, column)),
            IdStrategy::Column | IdStrategy::Sequence | IdStrategy::Merged if !self.has_books => None,
            IdStrategy::Column | IdStrategy::Sequence | IdStrategy::Merged => {
                let mut tx = self.opened.target.begin().await?;
                let mut found = self.books.ids(&mut *tx, &self.plan.name, &[key.as_str()]).await?;
                tx.rollback().await?;
                found.remove(key.as_str()).and_then(|id| packed::decode(&id)).and_then(|mut id| id.pop())
            }
        })
    }

    async fn stored_key(&self, id: &Value) -> Result<Option<String>, Failure> {
        if !self.has_books {
            return Ok(None);
        }
        let mut tx = self.opened.target.begin().await?;
        let key = self.books.key_of(&mut *tx, &self.plan.name, &value::encode(std::slice::from_ref(id))).await?;
        tx.rollback().await?;
        Ok(key)
    }

    /// Adds an id, and whether its row stands.
    async fn told(&self, found: Identity, id: Option<Value>) -> Result<Identity, Failure> {
        let shown = id.as_ref().map(spelled::write);
        let Some((table, fed)) = self.plan.main_table() else {
            return Ok(Identity { id: shown, unknown: Some(self.no_column().to_string()), ..found });
        };
        let column = table.columns[fed];
        let of_column = &table.schema.columns[column];
        let mut stands = false;
        let is_missing = self.opened.missing.iter().any(|missing| missing.name == table.schema.name);
        if let (Some(id), false) = (id.and_then(|id| convert::refit(id, of_column).ok()), is_missing) {
            let mut tx = self.opened.target.begin().await?;
            stands = !tx.find(&table.schema, &[column], &[vec![id]], &[]).await?.is_empty();
            tx.rollback().await?;
        }
        let column = Some(format!("{}.{}", table.schema.name, of_column.name));
        Ok(Identity { id: shown, column, stands: Some(stands), ..found })
    }
}

fn identity(manifest: &Manifest, entity: &str, strategy: IdStrategy) -> Identity {
    let migration = manifest.tables.name.clone();
    Identity { migration, entity: entity.to_owned(), strategy: strategy.name(), ..Identity::default() }
}

fn entity_table<'a>(manifest: &'a Manifest, name: &str) -> Result<(usize, &'a EntityTable), Failure> {
    let entities = &manifest.tables.entity;
    let index = entities.iter().position(|entity| entity.name == name).ok_or_else(|| {
        let known: BTreeSet<String> = entities.iter().map(|entity| entity.name.clone()).collect();
        Failure::usage(format!("there is no entity `{name}`")).perhaps(hint::among(name, &known))
    })?;
    Ok((index, &entities[index]))
}

fn strategy(manifest: &Manifest, entity: &EntityTable) -> IdStrategy {
    entity.settings.or(&manifest.tables.defaults).id.unwrap_or(IdStrategy::UuidV5)
}

/// The place in the plan of an entity of the manifest.
fn planned(opened: &Opened, index: usize) -> Result<usize, Failure> {
    let place = opened.plan.entities.iter().position(|entity| entity.index == index);
    place.ok_or_else(|| Failure::bug("an entity of the manifest is not in the plan"))
}

/// What a column holds that keeps a key.
fn kept(key: &Key, column: &Column) -> Option<Value> {
    match convert::convert(Kept::of_key(key)?.to_bson()?.as_raw_bson_ref(), column) {
        Ok(Converted::Value(value)) => Some(value),
        _ => None,
    }
}

/// Returns the keys that a column keeps as this id: of those that the text itself is, the first; then the one that a table
/// with such a column gives.
fn keys_kept(text: &str, id: &Value, column: &Column) -> Vec<String> {
    let is_kept = |key: &Key| kept(key, column).is_some_and(|kept| value::same_in(&column.kind, &kept, id));
    let itself = key_text::without_form(text, 1).into_iter().chain(as_uuid(text)).find(is_kept);
    let of_table = key_of_value(id, column).filter(|key| is_kept(key) && Some(key) != itself.as_ref());
    itself.into_iter().chain(of_table).map(|key| key.as_str().to_owned()).collect()
}

/// Reads an id as its column's type.
fn typed(text: &str, column: &Column) -> Option<Value> {
    let of_key = || key_text::without_form(text, 1).into_iter().chain(as_uuid(text)).find_map(|key| kept(&key, column));
    let spelled = || spelled::read(text, column);
    match column.kind {
        // Every text is one of these as it stands, but it may be JSON as well.
        ColumnType::Text { .. } | ColumnType::Enum { .. } | ColumnType::Textual | ColumnType::Other => {
            of_key().or_else(spelled)
        }
        _ => spelled().or_else(of_key),
    }
}

/// Returns the key that a table gives to a row whose key a column of this type shows so.
fn spelled_key(text: &str, column: &Column) -> Option<Key> {
    key_of_value(&spelled::read(text, column)?, column)
}

fn key_of_value(value: &Value, column: &Column) -> Option<Key> {
    key::of_value(form(value, &column.kind).as_raw_bson_ref()).ok()
}

fn as_uuid(text: &str) -> Option<Key> {
    text.parse::<Uuid>().ok().map(|id| Key::from_canonical(format!("u{}", id.hyphenated())))
}
