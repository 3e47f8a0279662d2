//! Every folder of `cases/`.
