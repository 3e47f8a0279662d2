//! Whether a migration has begun, and whether what it began with is what it would go on with.

use super::Options;
use super::open::Opened;
use super::selection;
use super::stand_in::StandIn;
use crate::connector;
use crate::connector::target::Mode;
use crate::error::Failure;
use crate::plan::Manifest;

/// A resume under another identity is refused; one with another output needs consent.
pub(super) fn check_fingerprint(opened: &Opened, options: &Options) -> Result<(), Failure> {
    if opened.stored.is_none() {
        return Ok(());
    }
    let output = changes(opened)?;
    if !output.is_empty() && !options.accept_change {
        let lacking = opened.stand_ins.iter().find(|stand_in| stand_in.kept.is_none());
        let hint = lacking.map_or_else(
            || "`--accept-change` goes on with the new one for the records that are left".to_owned(),
            StandIn::hint,
        );
        return Err(Failure::usage(format!(
            "the migration `{}` has begun with other output:\n  {}",
            opened.plan.name,
            output.join("\n  ")
        ))
        .hint(hint));
    }
    Ok(())
}

/// Fails where the migration has not begun; a missing SQLite file is then not made either.
pub(super) async fn has_begun(manifest: &Manifest) -> Result<(), Failure> {
    let (url, mode) = (&manifest.tables.target.url, Mode::ReadOnly);
    let target = connector::open_target(url, &manifest.folder, mode).await?;
    if target.has_own_tables().await? {
        return Ok(());
    }
    Err(not_begun(&manifest.tables.name))
}

fn not_begun(migration: &str) -> Failure {
    Failure::usage(format!("the migration `{migration}` has not begun"))
        .hint("`whimbrel run <manifest> --execute` begins it")
}

/// Returns what has changed in the output since the migration began; fails where it has not begun, or where its
/// identity is another.
pub(super) fn changes(opened: &Opened) -> Result<Vec<String>, Failure> {
    let Some(stored) = &opened.stored else {
        return Err(not_begun(&opened.plan.name));
    };
    let read = |json: &str| {
        serde_json::from_str(json).map_err(|error| Failure::failed("the stored fingerprint is unreadable").cause(error))
    };
    let identity = opened.fingerprint.identity_changes(&read(&stored.identity)?);
    if !identity.is_empty() {
        return Err(Failure::usage(format!(
            "the migration `{}` has begun under another identity:\n  {}",
            opened.plan.name,
            identity.join("\n  ")
        ))
        .hint(format!(
            "put it back, or give the migration another name. {}",
            selection::again_hint(&opened.manifest.file)
        )));
    }
    Ok(opened.fingerprint.output_changes(&read(&stored.output)?))
}
