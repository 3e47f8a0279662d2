//! The next version of a component, from the file that somebody drops to its first batch, or to why it never has one.

pub mod canary;
pub mod history;
pub mod vigil;

use std::error::Error;

/// What the one who brings new versions is told.
#[derive(Debug)]
pub enum Message {
    /// A candidate of this entity has been compared on as many batches as were asked for.
    Compared(usize),
    /// This entity waits.
    Held(usize),
    /// This entity has ended, one way or another.
    Ended(usize),
}

/// Returns an error with its causes, in one sentence.
pub fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
