//! What the tests take from the tasks: the generator of the CRM example's dump.

pub mod generate;
