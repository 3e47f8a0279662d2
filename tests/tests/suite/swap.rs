//! Components that are swapped while a migration runs: holding, probing, trying, promoting, reverting.

mod answers;
mod folder;
mod hold;
mod promote;
mod refuse;
mod resume;
mod revert;
mod scene;
mod story;
mod thousand;
mod validator;
