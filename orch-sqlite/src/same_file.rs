//! Whether the file that is open is still the one that its path names.
//!
//! A file that is removed, renamed or replaced under a process stays open: each commit succeeds, in a
//! file that no one will open again.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use orch_core::store::StoreError;
use sqlx::sqlite::SqliteConnectOptions;

const REPLACED: &str = "the database file was removed, renamed or replaced under this process; what is \
                        written now would be lost. Stop every process that uses it, put the right file \
                        in its place, and start again";

/// The file of a store. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SameFile(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    id: Option<FileId>,
}

impl SameFile {
    /// The file that has just been opened. Where the system cannot tell files apart, it is taken for
    /// the same for ever.
    pub(crate) fn of(options: &SqliteConnectOptions) -> Self {
        let path = options.get_filename();
        // A relative path stays the same file when the process changes its folder.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let id = FileId::of(&path);
        Self(Arc::new(Opened { path, id }))
    }

    /// Looks again.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] if the path names another file, or none.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let Opened { path, id } = &*self.0;
        match id {
            Some(id) if FileId::of(path).as_ref() != Some(id) => Err(StoreError::fatal(REPLACED)),
            _ => Ok(()),
        }
    }
}

/// What tells a file from every other on this host while both are open.
#[derive(Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    #[cfg(unix)]
    fn of(path: &std::path::Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino() })
    }

    /// Elsewhere an open file cannot be removed or replaced.
    #[cfg(not(unix))]
    fn of(_: &std::path::Path) -> Option<Self> {
        None
    }
}
