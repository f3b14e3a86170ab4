//! Whether the file that is open is still the one that its path names.
//!
//! A file that is removed, renamed or replaced under a process stays open: each commit succeeds, in a
//! file that no one will open again.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use orch_core::store::StoreError;
use orch_core::words::Timestamp;
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
    birth: Birth,
}

impl SameFile {
    /// The file that has just been opened. Where the system cannot tell files apart, it is taken for
    /// the same for ever.
    pub(crate) fn of(options: &SqliteConnectOptions) -> Self {
        let path = options.get_filename();
        // A relative path stays the same file when the process changes its folder.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let (id, birth) = (FileId::of(&path), Birth::of(&path));
        Self(Arc::new(Opened { path, id, birth }))
    }

    /// What tells it from other files, across starts.
    pub(crate) fn birth(&self) -> Birth {
        self.0.birth
    }

    /// Looks again.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] if the path names another file, or none.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let Opened { path, id, .. } = &*self.0;
        match id {
            Some(id) if FileId::of(path).as_ref() != Some(id) => Err(StoreError::fatal(REPLACED)),
            _ => Ok(()),
        }
    }
}

/// What tells a file from a copy of it, also after the host was started again: the inode and the
/// instant of its birth. Not the device, whose number changes with the order in which disks are
/// found. `None` where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) inode: Option<i64>,
    /// In microseconds since 1970.
    pub(crate) born_at: Option<i64>,
}

impl Birth {
    fn of(path: &std::path::Path) -> Self {
        let found = fs::metadata(path).ok();
        let born = found.as_ref().and_then(|found| found.created().ok());
        let age = born.and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
        let born_at = age.and_then(|age| i64::try_from(age.as_micros()).ok());
        Self { inode: found.as_ref().and_then(inode), born_at }
    }

    /// How this file differs from the one that is remembered, in words; `None` if it does not.
    pub(crate) fn difference(self, remembered: Self) -> Option<String> {
        let differs =
            |here: Option<i64>, was: Option<i64>| here.zip(was).filter(|(here, was)| here != was);
        let inode = differs(self.inode, remembered.inode)
            .map(|(here, was)| format!("inode {here}, was {was}"));
        let born = differs(self.born_at, remembered.born_at).map(|(here, was)| {
            let at = Timestamp::from_micros;
            format!("a file of {}, was one of {}", at(here), at(was))
        });
        let all: Vec<String> = inode.into_iter().chain(born).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

#[cfg(unix)]
fn inode(found: &fs::Metadata) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    // The same bits: SQLite has no unsigned numbers.
    Some(i64::from_ne_bytes(found.ino().to_ne_bytes()))
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> Option<i64> {
    None
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
