//! A version that has taken over is watched for a while; if it traps or refuses too much, the one before goes on.

use std::sync::Arc;

use serde_json::json;

use super::history::Announcement;
use super::history::Event;
use super::history::Kind;
use crate::error::Failure;
use crate::run::bookkeeping::Checkpoint;
use crate::run::resolve::Resolved;
use crate::run::resolve::Settled;
use crate::run::transform::Refused;
use crate::run::version::Version;
use crate::run::version::Versions;

/// What a watched version has done so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watched {
    batches: u64,
    records: u64,
    refused: u64,
    /// The share of dead letters before it took over, in percent.
    share_before: f64,
}

/// Who goes on where a watched version is out.
#[derive(Debug)]
pub enum Fallback {
    /// The version before, which makes the batch again.
    Before,
    /// Nobody, for this reason: the version before could not go on either.
    Nobody(Failure),
}

/// Judges a batch that is about to be committed; returns who goes on where its version is out.
pub fn has_failed(
    versions: &Versions,
    version: &Arc<Version>,
    resolved: &Resolved,
    checkpoint: &Checkpoint,
    entity: &str,
) -> Option<Fallback> {
    let previous = versions.previous().filter(|_| versions.is_active(version))?;
    let trial = &previous.trial;
    let by_it = |settled: &&Settled| match settled {
        Settled::Dead(refused) => refused.plugin.as_ref().is_some_and(|plugin| plugin.digest == trial.plugin.digest),
        _ => false,
    };
    let trapped = resolved.records.iter().position(|settled| match settled {
        Settled::Dead(refused) => by_it(&settled) && is_fault(refused),
        _ => false,
    });
    if let Some(index) = trapped {
        let document = resolved.batch.records[index].document;
        return revert(versions, entity, &format!("it trapped on document {document}, or went over a limit"));
    }
    let mut watched = trial.watched();
    if watched.batches == 0 {
        watched.share_before = percent(checkpoint.fates.dead, checkpoint.fates.read);
    }
    watched.batches += 1;
    watched.records += resolved.records.len() as u64;
    watched.refused += resolved.records.iter().filter(by_it).count() as u64;
    let share = percent(watched.refused, watched.records);
    if share > watched.share_before + trial.policy.watch_rise {
        let reason = format!(
            "it refused {share:.2}% of {} records; before it took over {:.2}% were dead letters, and `watch-rejections` is {}%",
            watched.records, watched.share_before, trial.policy.watch_rise
        );
        return revert(versions, entity, &reason);
    }
    if watched.batches >= trial.policy.watch_batches {
        versions.trust();
    }
    trial.set_watched(watched);
    None
}

/// Goes back to the version before; returns who goes on, `None` where nothing is watched.
pub fn revert(versions: &Versions, entity: &str, reason: &str) -> Option<Fallback> {
    let previous = versions.previous()?;
    let trial = &previous.trial;
    let event = Event {
        plugin: trial.plugin.name.clone(),
        entity: entity.to_owned(),
        kind: Kind::Reverted,
        digest: trial.previous.digest.clone(),
        previous: Some(trial.plugin.digest.clone()),
        reason: Some(reason.to_owned()),
        detail: json!({ "watched_records": trial.watched().records }),
    };
    if !versions.revert(Announcement::new(vec![event], previous.done.to_vec())) {
        return None;
    }
    let (plugin, digest) = (&trial.plugin.name, &trial.plugin.digest);
    if previous.was_held {
        tracing::warn!(entity, plugin, digest, reason, "it is out, and the version before could not go on either");
        let message =
            format!("`{plugin}` {digest} took over and is out: {reason}; the version before could not go on either");
        let mut failure = Failure::failed(message);
        failure.plugin = Some(plugin.clone());
        return Some(Fallback::Nobody(failure));
    }
    tracing::warn!(entity, plugin, digest, reason, "the version before goes on");
    Some(Fallback::Before)
}

fn is_fault(refused: &Refused) -> bool {
    matches!(refused.code.as_str(), "plugin-trap" | "plugin-limit")
}

#[expect(clippy::cast_precision_loss, reason = "a share of fewer than 2^53 records is exact enough")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
