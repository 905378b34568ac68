//! Tests of what is on the disk, and of several processes that write one file.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Barrier};
use std::thread;

use futures::TryStreamExt;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;

struct Disk {
    folder: TempDir,
    files: Arc<DurableFiles>,
    runtime: Runtime,
}

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("a b").join("é");
        Self {
            files: Arc::new(DurableFiles::new(root)),
            folder,
            runtime: runtime(),
        }
    }

    /// An object of this name, two folders below the root.
    fn path(&self, name: &str) -> Path {
        Path::from_absolute_path(self.file(name)).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.0.root.join("x").join("t-0").join(name)
    }

    fn put(&self, name: &str, text: &str, mode: PutMode) -> Result<PutResult> {
        put(&self.runtime, &self.files, &self.path(name), text, mode)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    fn version(&self, name: &str) -> UpdateVersion {
        version(&self.runtime, &self.files, &self.path(name))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.file("")).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn put(
    runtime: &Runtime,
    files: &DurableFiles,
    path: &Path,
    text: &str,
    mode: PutMode,
) -> Result<PutResult> {
    runtime.block_on(files.put_opts(path, text.to_owned().into(), mode.into()))
}

fn version(runtime: &Runtime, files: &DurableFiles, path: &Path) -> UpdateVersion {
    let meta = runtime.block_on(files.head(path)).unwrap();
    UpdateVersion {
        e_tag: meta.e_tag,
        version: None,
    }
}

#[test]
fn folders_are_made_and_nothing_is_left_beside_an_object() {
    let disk = Disk::new();
    disk.put("one", "1", PutMode::Create).unwrap();
    disk.put("two", "2", PutMode::Overwrite).unwrap();
    assert_eq!(disk.names(), ["one", "two"]);
    let root = Path::from_absolute_path(&disk.files.0.root).unwrap();
    let listed = disk.files.list(Some(&root)).try_collect::<Vec<_>>();
    assert_eq!(disk.runtime.block_on(listed).unwrap().len(), 2);
}

#[test]
fn an_object_that_is_there_stays_as_it_was() {
    let disk = Disk::new();
    disk.put("one", "1", PutMode::Create).unwrap();
    let again = disk.put("one", "2", PutMode::Create).unwrap_err();
    assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
    assert_eq!(disk.read("one"), "1");
    assert_eq!(disk.names(), ["one"]);
}

#[test]
fn what_was_begun_and_never_ended_is_no_object_and_goes() {
    let disk = Disk::new();
    disk.put("one", "1", PutMode::Create).unwrap();
    for (name, age) in [
        ("old#100000", ABANDONED * 2),
        ("young#100000", ABANDONED / 2),
    ] {
        let file = File::create(disk.file(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
    // Another process.
    let other = DurableFiles::new(disk.files.0.root.clone());
    put(
        &disk.runtime,
        &other,
        &disk.path("two"),
        "2",
        PutMode::Create,
    )
    .unwrap();
    assert_eq!(disk.names(), ["one", "two", "young#100000"]);
    let folder = Path::from_absolute_path(disk.file("")).unwrap();
    let listed = disk.files.list(Some(&folder)).try_collect::<Vec<_>>();
    assert_eq!(disk.runtime.block_on(listed).unwrap().len(), 2);
}

#[test]
fn a_folder_that_is_gone_is_made_again() {
    let disk = Disk::new();
    disk.put("one", "1", PutMode::Create).unwrap();
    fs::remove_dir_all(&disk.files.0.root).unwrap();
    disk.put("one", "2", PutMode::Create).unwrap();
    assert_eq!(disk.read("one"), "2");
}

#[test]
fn a_write_that_fails_leaves_nothing() {
    let disk = Disk::new();
    disk.put("one", "1", PutMode::Create).unwrap();
    fs::create_dir(disk.file("folder")).unwrap();
    disk.put("folder", "2", PutMode::Overwrite).unwrap_err();
    assert_eq!(disk.names(), ["folder", "one"]);

    let locked = disk.folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    if File::create(locked.join("try")).is_ok() {
        return; // As root nothing is forbidden.
    }
    let path = Path::from_absolute_path(locked.join("x").join("one")).unwrap();
    let files = DurableFiles::new(locked);
    let error = put(&disk.runtime, &files, &path, "1", PutMode::Create).unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
}

#[test]
fn a_file_that_has_changed_is_not_replaced() {
    let disk = Disk::new();
    let none = UpdateVersion {
        e_tag: Some("0-0-0".to_owned()),
        version: None,
    };
    let gone = disk.put("current", "1", PutMode::Update(none)).unwrap_err();
    assert!(matches!(gone, Error::Precondition { .. }), "{gone}");

    disk.put("current", "1", PutMode::Create).unwrap();
    let first = disk.version("current");
    disk.put("current", "2", PutMode::Update(first.clone()))
        .unwrap();
    let late = disk
        .put("current", "3", PutMode::Update(first))
        .unwrap_err();
    assert!(matches!(late, Error::Precondition { .. }), "{late}");
    assert_eq!(disk.read("current"), "2");
}

#[test]
fn no_tag_comes_twice_however_fast_it_changes() {
    let disk = Disk::new();
    disk.put("current", "0", PutMode::Create).unwrap();
    let mut seen = HashSet::new();
    for _ in 0..100 {
        let version = disk.version("current");
        let tag = version.e_tag.clone().unwrap();
        // Without the inode, which comes again.
        let tag = tag.split_once('-').unwrap().1.to_owned();
        assert!(seen.insert(tag), "a tag has come twice");
        disk.put("current", "0", PutMode::Update(version)).unwrap();
    }
}

#[test]
fn of_many_that_replace_a_file_at_once_one_does() {
    const PROCESSES: usize = 8;
    let disk = Disk::new();
    disk.put("current", "0", PutMode::Create).unwrap();
    for round in 0..20 {
        let seen = disk.version("current");
        let barrier = Barrier::new(PROCESSES);
        let replaced = thread::scope(|scope| {
            let threads: Vec<_> = (0..PROCESSES)
                .map(|process| {
                    let (barrier, seen, path) = (&barrier, seen.clone(), disk.path("current"));
                    // Each has its own lock, as a process would.
                    let files = DurableFiles::new(disk.files.0.root.clone());
                    scope.spawn(move || {
                        let text = format!("{round}-{process}");
                        barrier.wait();
                        put(&runtime(), &files, &path, &text, PutMode::Update(seen)).is_ok()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .filter(|replaced| *replaced)
                .count()
        });
        assert_eq!(replaced, 1);
    }
}

#[test]
fn of_many_that_create_a_file_at_once_one_does() {
    const PROCESSES: usize = 8;
    let disk = Disk::new();
    for round in 0..20 {
        let name = format!("{round}");
        let barrier = Barrier::new(PROCESSES);
        let created = thread::scope(|scope| {
            let threads: Vec<_> = (0..PROCESSES)
                .map(|process| {
                    let (barrier, path) = (&barrier, disk.path(&name));
                    let files = DurableFiles::new(disk.files.0.root.clone());
                    scope.spawn(move || {
                        let text = format!("{process}").repeat(100_000);
                        barrier.wait();
                        put(&runtime(), &files, &path, &text, PutMode::Create).is_ok()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .filter(|created| *created)
                .count()
        });
        assert_eq!(created, 1);
        let text = disk.read(&name);
        assert_eq!(text, text[..1].repeat(100_000));
    }
}
