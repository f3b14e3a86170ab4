use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Store, StoreError};

/// A store being opened.
pub type Opening = BoxFuture<'static, Result<Arc<dyn Store>, StoreError>>;

/// A store that is chosen by the scheme of a URL. Backend crates submit one each:
///
/// ```
/// use std::sync::Arc;
/// # use orch_core::memory::MemoryStore;
/// use orch_core::store::{Backend, Store};
///
/// inventory::submit! {
///     Backend {
///         scheme: "toy",
///         open: |_url| Box::pin(async { Ok(Arc::new(MemoryStore::new()) as Arc<dyn Store>) }),
///         look: |_url| Box::pin(async { Ok(Arc::new(MemoryStore::new()) as Arc<dyn Store>) }),
///     }
/// }
/// # fn main() {}
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Backend {
    /// The scheme of its URLs, without the `:`.
    pub scheme: &'static str,
    /// Opens a store and brings its schema up to date.
    pub open: fn(String) -> Opening,
    /// Opens a store to read from it, and changes nothing: neither its schema, nor what it remembers
    /// of the database it is. [`StoreError::SchemaTooOld`] if the schema is behind.
    pub look: fn(String) -> Opening,
}

inventory::collect!(Backend);

/// The schemes that orch knows, and the cargo feature that each needs.
const FEATURES: [(&str, &str); 3] =
    [("sqlite", "sqlite"), ("postgres", "postgres"), ("postgresql", "postgres")];

/// Why a URL did not become a store. The URL is never repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL has no scheme.
    #[error("the database URL has no scheme; write sqlite://FILE, postgres://… or memory:")]
    NoScheme,
    /// The scheme belongs to a backend that is not compiled in.
    #[error(
        "{scheme}: URLs need the cargo feature `{feature}`; add it: cargo add orchestrated --features {feature}"
    )]
    FeatureOff {
        /// The URL's scheme.
        scheme: String,
        /// The feature to add.
        feature: &'static str,
    },
    /// No backend goes by this scheme.
    #[error("no backend serves {scheme}: URLs; known are memory:, sqlite: and postgres:")]
    UnknownScheme {
        /// The URL's scheme.
        scheme: String,
    },
    /// The backend could not open it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the store that a URL names, migrated and ready.
///
/// # Errors
/// [`OpenError`]; a URL whose feature is off says which feature to add.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    Ok((backend(url)?.open)(url.to_owned()).await?)
}

/// Opens the store that a URL names, to read from it as it is: nothing is changed, and the verbs that
/// write are not to be called.
///
/// # Errors
/// [`OpenError`], as [`open`]; [`StoreError::SchemaTooOld`] if the schema is behind.
pub async fn look(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    Ok((backend(url)?.look)(url.to_owned()).await?)
}

fn backend(url: &str) -> Result<&'static Backend, OpenError> {
    let (scheme, _) = url.split_once(':').ok_or(OpenError::NoScheme)?;
    if let Some(backend) = inventory::iter::<Backend>.into_iter().find(|b| b.scheme == scheme) {
        return Ok(backend);
    }
    let scheme = scheme.to_owned();
    match FEATURES.iter().find(|(known, _)| *known == scheme) {
        Some((_, feature)) => Err(OpenError::FeatureOff { scheme, feature }),
        None => Err(OpenError::UnknownScheme { scheme }),
    }
}
