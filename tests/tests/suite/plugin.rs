//! Components that misbehave.
