//! Records of several entities that are one thing: their rows are gathered by what they are known by, and the merged
//! entity reads them as its source, a group of members a record.
//!
//! ```text
//! friday-users ──rows──▶ identify ──▶ gathered_row ─┐
//!                                                    ├─ a group a record ──▶ merge ──▶ THE LOOP, as for every entity
//! mwr-users ─────rows──▶ identify ──▶ gathered_row ─┘
//! ```
//! The id of the survivor is stored for every member, so that whoever refers to one of them comes to what they have become.
//! A group keeps the id that it has: a record that joins it behind a replay takes that one, whoever would survive by now.

mod collision;
mod compare;
mod group;
mod identify;
mod late;
mod source;
mod together;

pub use collision::collapse;
pub use collision::collided;
pub use compare::compare;
pub use group::Group;
pub use group::GroupMember;
pub use identify::Gathered;
pub use identify::Gathering;
pub use identify::identify;
pub use late::Late;
pub use late::waiting;
pub use source::GROUP_BYTES_MAX;
pub use source::GatheredSource;
pub use source::MEMBERS_MAX;
pub use source::group;
pub use together::together;
