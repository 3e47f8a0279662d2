//! Components that are swapped while a migration runs: holding, probing, trying, promoting, reverting.

mod hold;
mod promote;
mod refuse;
mod scene;
