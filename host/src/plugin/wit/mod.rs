//! The versions of the contract that this host speaks: one file each, and old ones never change.

pub(super) mod since_v0_1_0;
