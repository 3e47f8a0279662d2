//! docs/benchmarks.md, which two commands write: each its own part, above and below one heading.

use std::fs;
use std::io;
use std::path::Path;

const FIGURES: &str = "\n## Bad versions put right, swaps and kills\n";

/// Writes the part above.
#[cfg_attr(not(feature = "bench"), allow(dead_code, reason = "the optimised build writes it"))]
pub fn write_speed(root: &Path, text: &str) -> io::Result<()> {
    let (_, figures) = parts(root);
    write(root, text, &figures)
}

/// Writes the part below.
pub fn write_figures(root: &Path, text: &str) -> io::Result<()> {
    let (speed, _) = parts(root);
    write(root, &speed, text)
}

fn parts(root: &Path) -> (String, String) {
    let text = fs::read_to_string(root.join("docs/benchmarks.md")).unwrap_or_default();
    let (speed, figures) = text.split_once(FIGURES).unwrap_or((&text, ""));
    (speed.to_owned(), figures.to_owned())
}

fn write(root: &Path, speed: &str, figures: &str) -> io::Result<()> {
    fs::create_dir_all(root.join("docs"))?;
    fs::write(root.join("docs/benchmarks.md"), format!("{speed}{FIGURES}{figures}"))
}
