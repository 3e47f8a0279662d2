//! The trait that a transformer implements, and its export.

use serde::de::DeserializeOwned;

use crate::Description;
use crate::Outcome;
use crate::Problem;
use crate::Record;
use crate::Setup;

/// Turns the records of one entity into rows.
///
/// An instance lives for one batch: [`new`](Self::new) runs before every batch, so what it prepares should be cheap
/// next to a thousand records. The same record must always give the same outcome.
pub trait Transformer: Sized + 'static {
    /// One sentence on what it does.
    const SUMMARY: &'static str;
    /// JSON Schema (draft 2020-12) of the configuration; the empty string accepts any object.
    const CONFIG_SCHEMA: &'static str = "";
    /// The configuration, as serde reads it. What serde refuses is reported at the value at fault.
    type Config: DeserializeOwned;

    /// Checks a configuration and says what it leads to.
    ///
    /// # Errors
    /// All problems at once.
    fn describe(setup: &Setup, config: &Self::Config) -> Result<Description, Vec<Problem>>;

    /// Prepares for records, with what `describe` accepted.
    ///
    /// # Errors
    /// All problems at once.
    fn new(setup: &Setup, config: Self::Config) -> Result<Self, Vec<Problem>>;

    /// Transforms one record.
    ///
    /// # Errors
    /// A rejection, which makes the record a dead letter.
    fn transform(&self, record: Record<'_>) -> Outcome;
}

/// Exports a [`Transformer`] as the crate's component. Does nothing on a native target.
#[macro_export]
macro_rules! export_transformer {
    ($transformer:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, reason = "the entry points of a component are unsafe by their nature")]
        const _: () = {
            use $crate::wire::transformer as wire;

            ::std::thread_local! {
                static CONFIGURED: ::std::cell::OnceCell<$transformer> = const { ::std::cell::OnceCell::new() };
            }

            #[global_allocator]
            static ALLOCATOR: $crate::wire::Allocator = $crate::wire::Allocator::new();

            struct Component;

            impl wire::Guest for Component {
                fn about() -> wire::Identity {
                    wire::about::<$transformer>()
                }
                fn describe(setup: wire::Setup) -> Result<wire::Description, Vec<wire::Problem>> {
                    wire::describe::<$transformer>(setup)
                }
                fn configure(setup: wire::Setup) -> Result<(), Vec<wire::Problem>> {
                    CONFIGURED.with(|cell| wire::configure::<$transformer>(setup, cell))
                }
                fn transform(documents: wire::Documents) -> wire::Transformed {
                    CONFIGURED.with(|cell| wire::transform::<$transformer>(cell, documents))
                }
            }

    $crate::wire::transformer::bindings::export!(Component with_types_in $crate::wire::transformer::bindings);
        };
    };
}
