//! The tests that need the whole command: one binary, one module for each thing that is promised.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod author;
mod cases;
mod chinook;
mod cli;
mod conservation;
mod corpus;
mod crm;
mod faults;
mod figures;
mod ids;
mod junction;
mod nextcrm;
mod orders;
mod parked;
mod people;
mod permission;
mod plugin;
mod prediction;
mod recovery;
mod refusals;
mod repair;
mod replay;
mod report;
mod shown;
mod snapshots;
mod source;
mod status;
mod stop;
mod swap;
mod tables;
mod takeover;
mod target;
mod tidy;
mod types;
mod verify;
