//! A component's file that is not what the migration runs with: a candidate that a run was trying when it was killed, or one
//! that it turned down. Neither may become active by lying there, so the version before stands in, where it is kept.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::bookkeeping::Bookkeeping;
use super::bookkeeping::MigrationRow;
use super::bookkeeping::StoredEvent;
use super::components;
use crate::connector::Target;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::plugin;

/// What an earlier run has said of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was being tried.
    Undecided,
    /// It was refused, rejected, or swapped back, for this reason.
    TurnedDown(String),
}

/// One component whose file is another version than the migration runs with.
#[derive(Debug, Clone)]
pub struct StandIn {
    /// The component's name.
    pub plugin: String,
    /// The file that was found.
    pub file: PathBuf,
    /// The file's digest.
    pub found: String,
    /// The digest of what the migration runs with.
    pub active: String,
    /// What became of the file in an earlier run.
    pub verdict: Verdict,
    /// The version that the migration runs with, where it is kept.
    pub kept: Option<Vec<u8>>,
}

impl StandIn {
    /// Says what goes on, and what does not.
    pub fn tell(&self, manifest: &str) {
        let Self { plugin, found, active, .. } = self;
        let file = self.file.display();
        match &self.verdict {
            Verdict::Undecided => tracing::warn!(
                "`{file}` has the digest {found}, a candidate that an earlier run was trying; `{plugin}` {active} goes on, kept \
                 from then, and the candidate is tried again. `whimbrel run {manifest} --execute --accept-change` takes it at once"
            ),
            Verdict::TurnedDown(reason) => tracing::warn!(
                "`{file}` has the digest {found}, which an earlier run has turned down: {reason}; `{plugin}` {active} goes on, kept \
                 from then. `whimbrel run {manifest} --execute --accept-change` takes the file all the same"
            ),
        }
    }

    /// Says what to do where the version before is not kept.
    pub fn hint(&self) -> String {
        format!(
            "`{}` is no version of `{}` that has ever been active, and the one that was, {}, is not kept on this machine: put it \
             back there, or take the file with `--accept-change`",
            self.file.display(),
            self.plugin,
            self.active
        )
    }
}

/// Returns the components whose files are candidates of earlier runs.
pub async fn find(manifest: &Manifest, target: &dyn Target, stored: &MigrationRow) -> Result<Vec<StandIn>, Failure> {
    // What is unreadable is said where the fingerprint is compared.
    let Ok(output) = serde_json::from_str::<Json>(&stored.output) else { return Ok(Vec::new()) };
    let mut digests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let entities = output["entities"].as_object().into_iter().flat_map(|entities| entities.values());
    for (name, plugin) in entities.flat_map(|entity| entity["plugins"].as_object()).flatten() {
        digests.entry(name).or_default().extend(plugin["digest"].as_str());
    }
    let mut others = Vec::new();
    for (name, digests) in digests {
        // Entities that have ended may have had another version, which says nothing of what goes on.
        let (Some(active), 1) = (digests.first(), digests.len()) else { continue };
        let Ok(file) = components::plugin_path(manifest, name) else { continue };
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let found = plugin::digest(&bytes);
        if found != *active {
            others.push((name.to_owned(), file, found, (*active).to_owned()));
        }
    }
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = target.begin().await?;
    let events = Bookkeeping::new(target, &manifest.tables.name).events(&mut *tx).await?;
    tx.rollback().await?;
    let stand_in = |(plugin, file, found, active): (String, PathBuf, String, String)| {
        let verdict = verdict(&events, &plugin, &found)?;
        let kept = plugin::kept(&active);
        Some(StandIn { plugin, file, found, active, verdict, kept })
    };
    Ok(others.into_iter().filter_map(stand_in).collect())
}

/// Returns what the last event of a version says of it; `None` for one that was active, or that no run has seen.
fn verdict(events: &[StoredEvent], plugin: &str, digest: &str) -> Option<Verdict> {
    let mut verdict = None;
    for event in events.iter().filter(|event| event.plugin == plugin) {
        let reason = || event.reason.clone().unwrap_or_default();
        match event.event.as_str() {
            "candidate" | "canary" if event.digest == digest => verdict = Some(Verdict::Undecided),
            "refused" | "rejected" if event.digest == digest => verdict = Some(Verdict::TurnedDown(reason())),
            "promoted" | "active" if event.digest == digest => verdict = None,
            "reverted" if event.previous.as_deref() == Some(digest) => verdict = Some(Verdict::TurnedDown(reason())),
            _ => {}
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::StoredEvent;
    use super::Verdict;
    use super::verdict;

    fn event(event: &str, digest: &str, previous: Option<&str>) -> StoredEvent {
        StoredEvent {
            at: String::new(),
            run: String::new(),
            plugin: "p".to_owned(),
            entity: "e".to_owned(),
            event: event.to_owned(),
            digest: digest.to_owned(),
            previous: previous.map(str::to_owned),
            reason: Some("so".to_owned()),
            detail: serde_json::Value::Null,
        }
    }

    #[test]
    fn the_last_event_decides() {
        let begun = [event("active", "a", None), event("candidate", "b", Some("a"))];
        let down = Some(Verdict::TurnedDown("so".to_owned()));
        assert_eq!(verdict(&begun, "p", "b"), Some(Verdict::Undecided));
        assert_eq!(verdict(&begun, "p", "a"), None, "it was active");
        assert_eq!(verdict(&begun, "p", "c"), None, "nobody has seen it");
        assert_eq!(verdict(&begun, "q", "b"), None, "another component");
        let then = |more: StoredEvent| verdict(&[begun.to_vec(), vec![more]].concat(), "p", "b");
        assert_eq!(then(event("refused", "b", None)), down);
        assert_eq!(then(event("promoted", "b", Some("a"))), None);
        let reverted = [&begun[..], &[event("promoted", "b", Some("a")), event("reverted", "a", Some("b"))]].concat();
        assert_eq!(verdict(&reverted, "p", "b"), down);
    }
}
