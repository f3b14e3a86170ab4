use std::path::Path;

use serde::{Deserialize, Serialize};

/// What the supervisor tells the clients while the run goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Control {
    /// Orders below this number may be sent.
    pub(crate) released: u64,
    /// Fail-overs and restores so far: after each, what was acknowledged since
    /// [`Control::repeat_since`] is sent again.
    pub(crate) losses: u32,
    /// Microseconds since 1970.
    pub(crate) repeat_since: i64,
    /// Nothing more will be released.
    pub(crate) finished: bool,
}

impl Control {
    /// The file is replaced at once: a reader sees the old one or the new one.
    pub(crate) fn write(&self, folder: &Path) -> crate::Result<()> {
        let new = folder.join("control.new");
        std::fs::write(&new, serde_json::to_vec(self)?)?;
        Ok(std::fs::rename(new, folder.join("control.json"))?)
    }

    pub(crate) fn read(folder: &Path) -> crate::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(folder.join("control.json"))?)?)
    }
}
