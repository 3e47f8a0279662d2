//! Which entities a run is asked for, and whether they can go on as they are: asked before anything is touched.

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;

use super::Options;
use super::bookkeeping::Bookkeeping;
use super::bookkeeping::Checkpoint;
use super::open::Opened;
use super::report::State;
use crate::connector::Source;
use crate::error::Failure;
use crate::plan::hint;

/// Returns the indexes of the entities that were asked for.
pub fn selected(opened: &Opened, names: &[String]) -> Result<BTreeSet<usize>, Failure> {
    let entities = &opened.plan.entities;
    if names.is_empty() {
        return Ok((0..entities.len()).collect());
    }
    let known: Vec<String> = entities.iter().map(|entity| entity.name.clone()).collect();
    names
        .iter()
        .map(|name| {
            known.iter().position(|known| known == name).ok_or_else(|| {
                Failure::usage(format!("there is no entity `{name}`")).perhaps(hint::among(name, &known))
            })
        })
        .collect()
}

/// Returns where every entity stands in the target that was opened; a run asks again once it has the lock.
pub async fn standing(opened: &Opened) -> Result<Vec<Checkpoint>, Failure> {
    if !opened.target.has_own_tables().await? {
        return Ok(opened.plan.entities.iter().map(|_| Checkpoint::default()).collect());
    }
    let books = Bookkeeping::new(&*opened.target, &opened.plan.name);
    let mut tx = opened.target.begin().await?;
    let mut standing = Vec::new();
    for entity in &opened.plan.entities {
        standing.push(books.checkpoint(&mut *tx, &entity.name).await?);
    }
    tx.rollback().await?;
    Ok(standing)
}

/// An entity that is run while one that it refers to is neither complete nor run first would take records that are not
/// read yet for missing parents.
pub fn check_parents(
    opened: &Opened,
    selected: &BTreeSet<usize>,
    standing: &[Checkpoint],
    options: &Options,
) -> Result<(), Failure> {
    let entities = &opened.plan.entities;
    let is_open = |&entity: &usize| standing[entity].state != State::Completed;
    let mut needed: BTreeSet<usize> = selected.iter().copied().filter(is_open).collect();
    let mut lacking: Vec<String> = Vec::new();
    let mut waiting: Vec<usize> = needed.iter().copied().collect();
    while let Some(entity) = waiting.pop() {
        let others = entities[entity].after.iter().chain(&entities[entity].group);
        for &parent in others.filter(|parent| is_open(parent)) {
            if needed.insert(parent) {
                waiting.push(parent);
                let how = match entities[entity].shares_table(&entities[parent]) {
                    _ if entities[entity].group.contains(&parent) => "is in a circle with",
                    true => "feeds a table after",
                    false => "refers to",
                };
                let (child, parent) = (&entities[entity].name, &entities[parent].name);
                lacking.push(format!("`{child}` {how} `{parent}`, which is not complete"));
            }
        }
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let mut command = format!("whimbrel run {}", opened.manifest.file);
    if options.execute {
        command.push_str(" --execute");
    }
    for entity in needed {
        let _ = write!(command, " --entity {}", entities[entity].name);
    }
    Err(Failure::usage(format!("{}: records would lack what has not been read yet", lacking.join("; ")))
        .hint(format!("`{command}` takes them in order, parents first")))
}

/// A table that is gone with what was moved into it would be made again, empty, and nobody would be told.
pub fn check_tables(opened: &Opened, standing: &[Checkpoint]) -> Result<(), Failure> {
    let gone = |name: &str| opened.missing.iter().any(|table| table.name == name);
    let mut lines = String::new();
    for (entity, checkpoint) in opened.plan.entities.iter().zip(standing).filter(|(_, at)| at.batches > 0) {
        for table in entity.tables.iter().filter(|table| gone(&table.schema.name)) {
            let (table, read) = (&table.schema.name, checkpoint.fates.read);
            let _ = write!(lines, "\n  `{table}`: the entity `{}` has moved {read} records", entity.name);
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("tables that were there are missing in the target:{lines}")).hint(format!(
        "bring them back; or forget what was done with `whimbrel reset {} --execute`, and everything is moved again",
        opened.manifest.file
    )))
}

/// A source that is another one than when its entity was completed.
pub struct ChangedSource {
    /// The entity's index.
    pub entity: usize,
    /// What it was then.
    pub was: String,
    /// What it is now.
    pub is: String,
}

impl fmt::Display for ChangedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "was {}, is {}", self.was, self.is)
    }
}

/// Returns the selected entities whose sources have changed since they were completed. `sources` are all, in the plan's
/// order.
pub fn changed_sources(
    sources: &[Box<dyn Source>],
    selected: &BTreeSet<usize>,
    standing: &[Checkpoint],
) -> Vec<ChangedSource> {
    let mut changed = Vec::new();
    for &entity in selected {
        let Checkpoint { state: State::Completed, source: Some(was), .. } = &standing[entity] else { continue };
        let is = sources[entity].state();
        if is != was {
            changed.push(ChangedSource { entity, was: was.clone(), is: is.to_owned() });
        }
    }
    changed
}

/// Refuses to say of such entities that they are complete, and to add to them what refers to other records.
pub fn check_sources(opened: &Opened, changed: &[ChangedSource], options: &Options) -> Result<(), Failure> {
    if changed.is_empty() || options.accept_change {
        return Ok(());
    }
    let lines: String = changed
        .iter()
        .map(|changed| format!("\n  `{}`: {changed}", opened.plan.entities[changed.entity].name))
        .collect();
    Err(Failure::failed(format!("sources have changed since their entities were completed:{lines}")).hint(format!(
        "what is new or different there is not moved. {}; `--accept-change` leaves these entities as they are and goes on \
         with what is left",
        again_hint(&opened.manifest.file)
    )))
}

/// Says how what was moved is moved again.
pub fn again_hint(manifest: &str) -> String {
    format!(
        "To move everything again, say `on-conflict = \"update\"` or `\"skip\"`, as the rows stay in the target, forget what \
         was done with `whimbrel reset {manifest} --execute`, and run again"
    )
}
