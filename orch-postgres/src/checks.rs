//! What is asked of a server before anything is entrusted to it.

use std::collections::HashMap;

use orch_core::store::StoreError;
use sqlx::Row as _;

use crate::connect::Target;
use crate::errors::{no_answer, store_error};

const SETTINGS: &str = "SELECT name, setting FROM pg_settings
    WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')";

/// Refuses a server that may lose or tear what it has committed. One that does not wait for its
/// disk by default is told to, on the engine's own connections.
///
/// # Errors
/// [`StoreError::Fatal`], saying what to do; [`StoreError::Transient`] if the server is away or
/// does not answer.
pub(crate) async fn check(target: Target) -> Result<Target, StoreError> {
    let mut connection = target.connect().await?;
    let asked = sqlx::raw_sql(SETTINGS).fetch_all(&mut connection);
    let rows = tokio::time::timeout(target.answer_timeout, asked).await;
    let rows = rows.map_err(|_| no_answer(target.answer_timeout))?.map_err(store_error)?;
    let mut settings = HashMap::new();
    for row in &rows {
        let name: String = row.try_get("name").map_err(store_error)?;
        let setting: String = row.try_get("setting").map_err(store_error)?;
        settings.insert(name, setting);
    }
    let is_off = |name: &str| settings.get(name).is_some_and(|setting| setting == "off");
    for name in ["fsync", "full_page_writes"] {
        if is_off(name) && !target.allow_unsafe {
            return Err(StoreError::fatal(format!(
                "the server runs with {name} = off and may lose accepted operations in a crash; \
                 turn it on, or add orch_allow_unsafe=true to the URL where nothing matters"
            )));
        }
        if is_off(name) {
            tracing::warn!("the server runs with {name} = off: a crash may lose committed data");
        }
    }
    if is_off("synchronous_commit") {
        tracing::warn!(
            "the server runs with synchronous_commit = off; orch turns it on for its own \
             connections, but operations accepted in the application's own transactions may be lost"
        );
        return Ok(target.force_durable());
    }
    Ok(target)
}
