//! Objects as local files that survive a power failure.
//!
//! `object_store`'s own local files are not synced, and cannot be replaced on condition. Here a file gets its name only
//! when its bytes are on the disk, and a write returns only when the name is there too. The bytes go into a file beside
//! it (`<name>#<number>`, which is no object). That file is synced, then linked (create-if-absent: a link fails where
//! the name exists) or renamed (replace), and then its folder is synced. Every folder on the way from the location is
//! synced before it is relied on, whoever has made it.
//!
//! To replace on condition takes a lock on `<name>.lock` (`flock`), which ends with the process that holds it, even by
//! SIGKILL. Under the lock the file's tag is compared, and the new file gets a modification time later than the old
//! one's. The tag contains that time, so no tag comes twice.
//!
//! All of this blocks for as long as the disk takes, so it runs on tokio's threads for blocking work, and callers can
//! stop waiting for it. The work may be done later even so.

use std::collections::HashSet;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures::StreamExt;
use futures::executor::block_on;
use futures::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, UpdateVersion,
};
use tokio::task::spawn_blocking;

/// The age at which an unfinished file belongs to a process that has died.
const ABANDONED: Duration = Duration::from_secs(60 * 60);
/// The smallest step of time that a tag shows.
const TICK: Duration = Duration::from_micros(1);

/// The files under one folder, as objects whose paths are full file paths. They are used within a tokio runtime.
#[derive(Debug)]
pub struct DurableFiles(Arc<Files>);

#[derive(Debug)]
struct Files {
    files: LocalFileSystem,
    root: PathBuf,
    /// Folders that are known to be on the disk.
    durable: Mutex<HashSet<PathBuf>>,
    begun: AtomicU64,
}

impl DurableFiles {
    /// Makes a store of the files under `root`, an absolute path. The first write makes the folder.
    pub fn new(root: PathBuf) -> Self {
        Self(Arc::new(Files {
            files: LocalFileSystem::new(),
            root,
            durable: Mutex::default(),
            begun: AtomicU64::new(0),
        }))
    }
}

impl Files {
    fn put(&self, location: &Path, payload: &PutPayload, mode: &PutMode) -> Result<()> {
        let target = self.files.path_to_filesystem(location)?;
        let failed = |error| failed(location, error);
        match mode {
            PutMode::Create => self.create(&target, payload).map_err(failed),
            PutMode::Overwrite => self.replace(&target, payload, None).map_err(failed),
            PutMode::Update(version) => self.update(location, &target, payload, version),
        }
    }

    fn create(&self, target: &FilePath, payload: &PutPayload) -> io::Result<()> {
        let begun = self.begin(target, payload, None)?;
        let linked = fs::hard_link(&begun, target);
        fs::remove_file(&begun)?;
        // If the name exists already, nobody knows whether it is on the disk.
        let already = matches!(&linked, Err(error) if error.kind() == ErrorKind::AlreadyExists);
        if linked.is_ok() || already {
            sync_folder(folder_of(target)?)?;
        }
        linked
    }

    fn replace(
        &self,
        target: &FilePath,
        payload: &PutPayload,
        after: Option<SystemTime>,
    ) -> io::Result<()> {
        let begun = self.begin(target, payload, after)?;
        fs::rename(&begun, target).inspect_err(|_error| {
            let _ = fs::remove_file(&begun);
        })?;
        sync_folder(folder_of(target)?)
    }

    fn update(
        &self,
        location: &Path,
        target: &FilePath,
        payload: &PutPayload,
        version: &UpdateVersion,
    ) -> Result<()> {
        let failed = |error| failed(location, error);
        folder_of(target)
            .and_then(|folder| self.prepare(folder))
            .map_err(failed)?;
        let _locked = lock(target).map_err(failed)?;
        let changed = |reason: String| Error::Precondition {
            path: location.to_string(),
            source: reason.into(),
        };
        let found = match block_on(self.files.head(location)) {
            Err(Error::NotFound { .. }) => return Err(changed("it is gone".to_owned())),
            found => found?,
        };
        if found.e_tag != version.e_tag {
            return Err(changed("it has been changed".to_owned()));
        }
        let written = fs::metadata(target).and_then(|metadata| metadata.modified());
        let after = written.map_err(failed)? + TICK;
        self.replace(target, payload, Some(after)).map_err(failed)
    }

    /// Writes a file beside `target`, which is on the disk when this returns. Its modification time is not before
    /// `after`.
    fn begin(
        &self,
        target: &FilePath,
        payload: &PutPayload,
        after: Option<SystemTime>,
    ) -> io::Result<PathBuf> {
        let folder = folder_of(target)?;
        self.prepare(folder)?;
        let (mut file, path) = match self.open_beside(target) {
            // Somebody has removed the folder meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.durable().remove(folder);
                self.prepare(folder)?;
                self.open_beside(target)?
            }
            opened => opened?,
        };
        let mut write = || {
            for bytes in payload {
                file.write_all(bytes)?;
            }
            if let Some(after) = after {
                file.set_modified(after.max(SystemTime::now()))?;
            }
            file.sync_all()
        };
        write().inspect_err(|_error| {
            let _ = fs::remove_file(&path);
        })?;
        Ok(path)
    }

    /// Opens a new file beside `target` to which no other process writes. Containers that share a disk often have the
    /// same process id, so a number may be taken already.
    fn open_beside(&self, target: &FilePath) -> io::Result<(File, PathBuf)> {
        loop {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            let mut path = target.as_os_str().to_owned();
            path.push(format!("#{}{number:05}", std::process::id()));
            let path = PathBuf::from(path);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                opened => return opened.map(|file| (file, path)),
            }
        }
    }

    /// Makes `folder`, and every folder on the way to it, durable. It does so once for each folder.
    fn prepare(&self, folder: &FilePath) -> io::Result<()> {
        if self.durable().contains(folder) {
            return Ok(());
        }
        make(folder)?;
        for above in folder.ancestors() {
            sync_folder(above)?;
            if above == self.root {
                break;
            }
        }
        // This syncs the location's own name. This process may not be allowed to open the folder above; then that
        // folder was not made here.
        match self.root.parent().map(sync_folder) {
            Some(Err(error)) if error.kind() != ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
        sweep(folder);
        self.durable().insert(folder.to_owned());
        Ok(())
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a folder and those above it that do not exist, each of them durably.
fn make(folder: &FilePath) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder)?;
    make(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(above),
    }
}

fn folder_of(file: &FilePath) -> io::Result<&FilePath> {
    file.parent()
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "it is in no folder"))
}

/// Syncs a folder, after which the names in it are on the disk.
fn sync_folder(folder: &FilePath) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // A file system that cannot sync a folder answers this. Nothing more can be done, and PostgreSQL ignores it
        // too.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// Takes the lock on `target`; it ends when the file is dropped.
fn lock(target: &FilePath) -> io::Result<File> {
    let mut path = target.as_os_str().to_owned();
    path.push(".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.lock()?;
    Ok(file)
}

/// Removes files in `folder` that processes have begun and not finished. It need not succeed for all of them.
fn sweep(folder: &FilePath) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let begun = name.to_str().and_then(|name| name.rsplit_once('#'));
        let is_begun = begun.is_some_and(|(_, number)| {
            !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
        });
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = written.is_ok_and(|written| {
            SystemTime::now()
                .duration_since(written)
                .is_ok_and(|age| age > ABANDONED)
        });
        if is_begun && is_old {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn failed(location: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => Error::AlreadyExists {
            path: location.to_string(),
            source: error.into(),
        },
        ErrorKind::PermissionDenied => Error::PermissionDenied {
            path: location.to_string(),
            source: error.into(),
        },
        _ => Error::Generic {
            store: "local files",
            source: error.into(),
        },
    }
}

fn not_served(operation: &str) -> Error {
    Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: "durable local files".to_owned(),
    }
}

impl Display for DurableFiles {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.root.display())
    }
}

#[async_trait]
impl ObjectStore for DurableFiles {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let (files, to) = (Arc::clone(&self.0), location.clone());
        let put = spawn_blocking(move || files.put(&to, &payload, &options.mode));
        put.await
            .map_err(|error| failed(location, error.into()))??;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(not_served("a write in parts"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.files.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let files = self.0.files.clone();
        let deleting = async move {
            let mut deleted: Vec<Result<Path>> = files.delete_stream(locations).collect().await;
            let mut folders = HashSet::new();
            for path in deleted.iter().flatten() {
                if let Ok(path) = files.path_to_filesystem(path) {
                    folders.extend(path.parent().map(FilePath::to_owned));
                }
            }
            let sync = move || folders.iter().try_for_each(|folder| sync_folder(folder));
            let synced = spawn_blocking(sync).await;
            if let Err(error) = synced.unwrap_or_else(|broken| Err(broken.into())) {
                deleted.push(Err(failed(&Path::default(), error)));
            }
            stream::iter(deleted)
        };
        stream::once(deleting).flatten().boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(not_served("a copy"))
    }
}

#[cfg(test)]
mod tests;
