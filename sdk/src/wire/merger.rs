//! The merger world.

use std::cell::OnceCell;

pub use bindings::exports::whimbrel::plugin::merger::Guest;
pub use bindings::exports::whimbrel::plugin::merger::Setup;

pub use super::transformer::Documents;
pub use super::transformer::Identity;
pub use super::transformer::Problem;
pub use super::transformer::Transformed;
use super::transformer::bindings::whimbrel::plugin::types::PayloadKind;
use super::transformer::each;
use super::transformer::problems;
use crate::Group;
use crate::Member;
use crate::Merger;
use crate::MergerSetup;
use crate::bson::Document;

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit/since-v0.1.0",
        world: "merger-plugin",
        pub_export_macro: true,
        generate_unused_types: true,
        with: { "whimbrel:plugin/types@0.1.0": crate::wire::transformer::bindings::whimbrel::plugin::types },
    });
}

/// Says what the component is.
pub fn about<M: Merger>() -> Identity {
    Identity { summary: M::SUMMARY.to_owned(), payload: PayloadKind::Bson, config_schema: M::CONFIG_SCHEMA.to_owned() }
}

/// Prepares the instance.
pub fn configure<M: Merger>(setup: Setup, cell: &OnceCell<M>) -> Result<(), Vec<Problem>> {
    let config = crate::config::parse(&setup.config).map_err(|problem| problems(vec![problem]))?;
    let tables = setup.tables.into_iter().map(|table| crate::Table {
        name: table.name,
        columns: (table.columns.into_iter())
            .map(|column| crate::Column { name: column.name, references: column.references, sources: column.sources })
            .collect(),
        key: table.key,
        id: table.id,
    });
    let setup = MergerSetup { entity: setup.entity, sources: setup.sources, tables: tables.collect() };
    let configured = M::new(&setup, config).map_err(problems)?;
    assert!(cell.set(configured).is_ok(), "the host configures an instance once");
    Ok(())
}

/// Says what each member is known by.
pub fn identify<M: Merger>(cell: &OnceCell<M>, members: Documents) -> Vec<Option<String>> {
    let merger = cell.get().expect("the host configures an instance before it identifies");
    let Documents::Bson(bytes) = members else { panic!("the host sends the payload that was asked for") };
    let (mut identities, mut rest) = (Vec::new(), bytes.as_slice());
    while !rest.is_empty() {
        let (document, after) = Document::split(rest).expect("the host frames documents by their length");
        identities.push(merger.identify(Member::read(document).expect("the host writes members")));
        rest = after;
    }
    identities
}

/// Makes one record of each group.
pub fn merge<M: Merger>(cell: &OnceCell<M>, groups: Documents) -> Transformed {
    let merger = cell.get().expect("the host configures an instance before it merges");
    each(groups, |document| merger.merge(&Group::read(document).expect("the host writes groups")))
}
