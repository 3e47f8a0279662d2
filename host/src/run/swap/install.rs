//! Puts a promoted component where the next run looks for it, whole or not at all.

use std::io::Write;

use super::probe::Offer;
use crate::error::Failure;
use crate::plan::Manifest;
use crate::run::components;

/// Writes the file, unless it is there already.
pub fn install(manifest: &Manifest, offer: &Offer) -> Result<(), Failure> {
    let path = components::plugin_path(manifest, &offer.plugin).map_err(|(message, _)| Failure::failed(message))?;
    if std::fs::read(&path).is_ok_and(|there| *there == *offer.bytes) {
        return Ok(());
    }
    let failed = |error: std::io::Error| {
        Failure::failed(format!("cannot write `{}`; the next run would still have the version before", path.display()))
            .cause(error)
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    // Not a component's ending: nobody is to take it for one.
    let mut file = tempfile::Builder::new().suffix(".partial").tempfile_in(folder).map_err(failed)?;
    file.write_all(&offer.bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    if let Ok(there) = std::fs::metadata(&path) {
        file.as_file().set_permissions(there.permissions()).map_err(failed)?;
    }
    file.persist(&path).map_err(|error| failed(error.error))?;
    tracing::info!(plugin = offer.plugin, file = %path.display(), "the promoted version is kept for the next run");
    Ok(())
}
