//! The manifest's `[plugin.NAME]`: limits, grants and how a new version takes over, as a user writes them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::swap::Promote;

/// Limits and grants of one component.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PluginTable {
    /// The component's file, where it is not in the plugins folder.
    pub path: Option<String>,
    /// Linear memory of one instance, such as `64MiB`, `4GiB` at most; `256MiB` where it is left out.
    pub memory: Option<String>,
    /// Time for one call, such as `2s`; `10s` where it is left out.
    pub deadline: Option<String>,
    /// What one call may hand back, such as `64MiB`; `32MiB` where it is left out.
    pub output_bytes: Option<String>,
    /// Rows that one call may hand back; 1,000,000 where it is left out.
    #[schemars(range(min = 1), extend("x-hint" = "leave `output-rows` out for the usual 1,000,000"))]
    pub output_rows: Option<usize>,
    /// Log lines of one call; 100 where it is left out, 0 is none.
    pub log_lines: Option<usize>,
    /// Log text of one call, such as `64KiB`, which it is where it is left out; `0` is none.
    pub log_bytes: Option<String>,
    /// Stack, `1MiB` at most; `512KiB` where it is left out. All plugins have the largest that one of them asks for.
    pub stack: Option<String>,
    /// Entries of one table of functions; 100,000 where it is left out.
    #[schemars(range(min = 1, max = 100_000), extend("x-hint" = "leave `table-elements` out for the usual 100,000"))]
    pub table_elements: Option<usize>,
    /// Tables of functions of the component; 32 where it is left out.
    #[schemars(range(min = 1, max = 32), extend("x-hint" = "leave `tables` out for the usual 32"))]
    pub tables: Option<usize>,
    /// Core instances that the component is made of; 32 where it is left out.
    #[schemars(range(min = 1, max = 32), extend("x-hint" = "leave `instances` out for the usual 32"))]
    pub instances: Option<usize>,
    /// Batches on which a new version is compared before it takes over; 3 where it is left out, 0 is none.
    #[schemars(range(min = 0, max = 1_000))]
    pub canary_batches: Option<u64>,
    /// Batches for which a version that has taken over is watched; 10 where it is left out, 0 is none.
    #[schemars(range(min = 0, max = 100_000))]
    pub watch_batches: Option<u64>,
    /// How far the share of rejected records may rise while it is watched, such as `1%`, which holds where it is left out.
    #[schemars(
        regex(pattern = r"^\s*(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)\s*%\s*$"),
        extend("x-form" = "a percentage from `0%` to `100%`")
    )]
    pub watch_rejections: Option<String>,
    /// Who promotes a new version; `auto` where it is left out.
    pub promote: Option<Promote>,
    /// What it may touch; nothing where it is left out. Never the network.
    #[serde(default)]
    pub grant: GrantTable,
}

/// What one component may touch.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GrantTable {
    /// Folders it may read. An empty list lets it import the interface of files and shows it none.
    pub files: Option<Vec<FilesGrant>>,
    /// Environment variables it sees; never one that a URL of the manifest is made of.
    #[serde(default)]
    pub env: Vec<String>,
}

/// A folder that a component may read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FilesGrant {
    /// The folder, relative to the manifest.
    pub path: String,
    /// Where the component sees it, such as `/lookups`.
    #[schemars(regex(pattern = r"^/.+"), extend("x-form" = "a path from the root, such as `/lookups`"))]
    pub r#as: String,
}

/// Reads a size such as `64MiB`, `1GiB`, `500kB` or a plain number of bytes.
pub fn parse_bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: usize = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "kB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}
