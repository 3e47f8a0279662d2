//! The plugin host: the only place that names wasmtime.
