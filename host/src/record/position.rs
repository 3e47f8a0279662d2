//! Where a source stands: opaque to everybody but the source, and only ever moving forward.

/// How far an entity's source has been read.
///
/// `document` is the number of documents read so far (the first document is number 1), and orders positions;
/// `token` is the source's own note of where to go on, such as `Users.bson:1048576`. The start is document 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// Documents read so far.
    pub document: u64,
    /// The source's own note; empty at the start.
    pub token: String,
}

impl Position {
    /// Returns whether this position lies strictly after the other.
    pub fn is_after(&self, other: &Self) -> bool {
        self.document > other.document
    }
}
