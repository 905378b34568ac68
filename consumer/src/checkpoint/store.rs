//! Stores checkpoints as objects in an object store, each partition in its own folder.
//!
//! ```text
//! <location>/id                                          what tells the location from any other
//! <location>/current                                     the fingerprint of the query they are kept for
//! <location>/<fingerprint>/query.json                    what it stands for
//! <location>/<fingerprint>/schema                        the columns of its table at its last start
//! <location>/<fingerprint>/topics/<topic>                the topic's id, where brokers have one
//! <location>/<fingerprint>/<topic>-<partition>/start     where reading of the partition began
//! <location>/<fingerprint>/<topic>-<partition>/<next offset, 20 digits>-base or -delta
//! ```
//!
//! When a write has returned, the object is durable. This module does not know what is in an object.
//!
//! Calls block until they are done. They run on a runtime of the store's own, so they must not be made from within
//! another runtime.

mod current;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use kafka_access::secret::Secrets;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use thiserror::Error as ThisError;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::fingerprint::Fingerprint;
use super::format::HEAD_BYTES;
use super::name::{Folder, Name, Stored};
use crate::position::TopicPartition;

pub use self::current::Current;

/// The most requests that run at a time.
const CONCURRENT: usize = 16;

/// How long a request may take, with all retries of the store's client.
const ANSWER: Duration = Duration::from_secs(20);
/// How long it may take to send or receive an object.
const TRANSFER: Duration = Duration::from_secs(120);

const IDENTITY: &str = "query.json";
const SCHEMA: &str = "schema";
const START: &str = "start";
const TOPICS: &str = "topics";
const ID: &str = "id";

/// The result of a create-if-absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The object has been created.
    New,
    /// There was an object of that name, which is unchanged.
    AlreadyThere,
}

/// Why the store could not do something.
#[derive(Debug, ThisError)]
pub enum StoreError {
    /// The location cannot be used at all.
    #[error("CHECKPOINT_LOCATION={location}: it cannot be opened: {reason}")]
    Open {
        /// The location as it was set.
        location: String,
        /// What is wrong.
        reason: String,
    },
    /// A request failed, after all retries.
    #[error("cannot {doing} /{path} in CHECKPOINT_LOCATION={location}: {reason}")]
    Request {
        /// What was to be done, "write" for instance.
        doing: &'static str,
        /// The object's path from the store's root.
        path: Path,
        /// The location as it was set.
        location: String,
        /// The store's reason, without secrets.
        reason: String,
    },
}

/// The objects under one location.
#[derive(Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    location: String,
    /// The runtime; `None` once the store is being dropped.
    runtime: Option<Runtime>,
    limits: Limits,
    /// The texts that no error may show.
    secrets: Secrets,
}

/// How long requests may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    answer: Duration,
    transfer: Duration,
}

impl Drop for Store {
    /// Ends the runtime without waiting for what the disk has not answered.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Store {
    /// Makes a store of the objects under `root` of `objects`, whose writes must be durable when they return. Errors
    /// name it by `location`.
    ///
    /// # Errors
    /// Fails if the system gives no resources to wait with.
    pub fn new(
        objects: Arc<dyn ObjectStore>,
        root: Path,
        location: &str,
    ) -> Result<Self, StoreError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("checkpoint-io")
            .build()
            .map_err(|error: io::Error| StoreError::Open {
                location: location.to_owned(),
                reason: error.to_string(),
            })?;
        Ok(Self {
            objects,
            root,
            location: location.to_owned(),
            runtime: Some(runtime),
            limits: Limits {
                answer: ANSWER,
                transfer: TRANSFER,
            },
            secrets: Secrets::default(),
        })
    }

    /// Returns the same store, whose errors show none of these secrets.
    pub fn concealing(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Returns the location as it was set.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Writes an object unless there is one of that name.
    ///
    /// # Errors
    /// Fails if the object cannot be written. It may be there all the same.
    pub fn create(&self, folder: &Folder, name: Name, bytes: Bytes) -> Result<Created, StoreError> {
        self.create_at(self.object(folder, name), bytes)
    }

    /// Writes an object in place of the one of that name. All readers see a whole object, the old one or the new one.
    ///
    /// # Errors
    /// Fails for the same reasons as [`create`](Self::create).
    pub fn replace(&self, folder: &Folder, name: Name, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.object(folder, name);
        self.put(&path, bytes, PutMode::Overwrite)
            .map_err(|error| self.failed("write", path, error))
    }

    /// Reads an object, if it is there.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn read(&self, folder: &Folder, name: Name) -> Result<Option<Bytes>, StoreError> {
        self.read_at(self.object(folder, name))
    }

    /// Returns whether an object is there.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn has(&self, folder: &Folder, name: Name) -> Result<bool, StoreError> {
        let path = self.object(folder, name);
        let found = self.wait(self.limits.answer, self.objects.head(&path));
        present(found)
            .map(|found| found.is_some())
            .map_err(|error| self.failed("look for", path, error))
    }

    /// Reads the beginnings of objects, in their order: [`HEAD_BYTES`], or the whole object if it has less; `None` for
    /// an object that has been deleted.
    ///
    /// # Errors
    /// Fails if one cannot be read.
    pub fn read_heads(
        &self,
        folder: &Folder,
        objects: &[Stored],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let heads = objects.iter().map(|stored| {
            let path = self.object(folder, stored.name);
            async move {
                let end = stored.bytes.min(HEAD_BYTES as u64);
                if end == 0 {
                    return Ok(Some(Bytes::new()));
                }
                let range = GetRange::Bounded(0..end);
                let read = async {
                    let options = GetOptions::new().with_range(Some(range));
                    self.objects.get_opts(&path, options).await?.bytes().await
                };
                let read = within(self.limits.answer, read).await;
                present(read).map_err(|error| (path, error))
            }
        });
        let read = stream::iter(heads).buffered(CONCURRENT).try_collect();
        self.run(read)
            .unwrap_or_else(|error| Err((self.folder(folder), error)))
            .map_err(|(path, error)| self.failed("read", path, error))
    }

    /// Lists all objects of a folder, by their offset, without those whose name is not one of a checkpoint.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn list(&self, folder: &Folder) -> Result<Vec<Stored>, StoreError> {
        let path = self.folder(folder);
        let listed = self.wait(self.limits.answer, async {
            self.objects
                .list(Some(&path))
                .try_filter_map(|meta| async move {
                    let name = meta.location.filename().and_then(Name::parse);
                    Ok(name.map(|name| Stored {
                        name,
                        bytes: meta.size,
                        written: meta.last_modified,
                    }))
                })
                .try_collect::<Vec<_>>()
                .await
        });
        let mut objects = listed.map_err(|error| self.failed("list", path, error))?;
        objects.sort_by_key(|stored| (stored.name.next(), stored.name));
        Ok(objects)
    }

    /// Returns the partitions that have a folder, in their order.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn partitions(&self, fingerprint: Fingerprint) -> Result<Vec<TopicPartition>, StoreError> {
        let path = self.query(fingerprint);
        let listed = self
            .wait(
                self.limits.answer,
                self.objects.list_with_delimiter(Some(&path)),
            )
            .map_err(|error| self.failed("list", path, error))?;
        let mut partitions: Vec<_> = listed
            .common_prefixes
            .iter()
            .filter_map(|folder| TopicPartition::parse(folder.filename()?))
            .collect();
        partitions.sort();
        Ok(partitions)
    }

    /// Deletes objects one after the other, in this order, and ignores those that are gone already.
    ///
    /// # Errors
    /// Fails if an object cannot be deleted. Those behind it are left.
    pub fn delete(&self, folder: &Folder, names: &[Name]) -> Result<(), StoreError> {
        for &name in names {
            let path = self.object(folder, name);
            let deleted = self.wait(self.limits.answer, self.objects.delete(&path));
            present(deleted).map_err(|error| self.failed("delete", path, error))?;
        }
        Ok(())
    }

    /// Deletes everything that is stored for a query.
    ///
    /// # Errors
    /// Fails if something cannot be deleted.
    pub fn forget(&self, fingerprint: Fingerprint) -> Result<(), StoreError> {
        let path = self.query(fingerprint);
        let deleted = self.run(async {
            let paths = self.objects.list(Some(&path));
            let paths = paths.map_ok(|meta| meta.location).boxed();
            let mut deleted = self.objects.delete_stream(paths);
            // There may be many objects, so each has the whole time limit.
            while let Some(one) = within(self.limits.answer, deleted.next().map(Ok)).await? {
                present(one)?;
            }
            Ok(())
        });
        deleted
            .flatten()
            .map_err(|error| self.failed("delete", path, error))
    }

    /// Returns the id that distinguishes this location from any other, by whatever path or URL it is reached. Stores
    /// `new` as the id if there is none yet.
    ///
    /// # Errors
    /// Fails if the id can be neither read nor written.
    pub fn id(&self, new: &str) -> Result<String, StoreError> {
        let path = self.root.clone().join(ID);
        self.create_at(path.clone(), Bytes::copy_from_slice(new.as_bytes()))?;
        let found = self.read_at(path)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&found).trim().to_owned())
    }

    /// Reads the JSON of the query's identity, if it is there.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn identity(&self, fingerprint: Fingerprint) -> Result<Option<Bytes>, StoreError> {
        self.read_at(self.query(fingerprint).join(IDENTITY))
    }

    /// Writes the JSON of the query's identity.
    ///
    /// # Errors
    /// Fails if it cannot be written.
    pub fn set_identity(&self, fingerprint: Fingerprint, json: Bytes) -> Result<(), StoreError> {
        let path = self.query(fingerprint).join(IDENTITY);
        self.put(&path, json, PutMode::Overwrite)
            .map_err(|error| self.failed("write", path, error))
    }

    /// Reads the schema of the query's table as DDL, if it is there.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn schema(&self, fingerprint: Fingerprint) -> Result<Option<Bytes>, StoreError> {
        self.read_at(self.query(fingerprint).join(SCHEMA))
    }

    /// Writes the schema of the query's table.
    ///
    /// # Errors
    /// Fails if it cannot be written.
    pub fn set_schema(&self, fingerprint: Fingerprint, ddl: Bytes) -> Result<(), StoreError> {
        let path = self.query(fingerprint).join(SCHEMA);
        self.put(&path, ddl, PutMode::Overwrite)
            .map_err(|error| self.failed("write", path, error))
    }

    /// Reads the object that stores where reading of a partition began, if it is there.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn start(&self, folder: &Folder) -> Result<Option<Bytes>, StoreError> {
        self.read_at(self.folder(folder).join(START))
    }

    /// Writes that object unless it is there.
    ///
    /// # Errors
    /// Fails if it cannot be written. It may be there all the same.
    pub fn create_start(&self, folder: &Folder, bytes: Bytes) -> Result<Created, StoreError> {
        self.create_at(self.folder(folder).join(START), bytes)
    }

    /// Reads the stored id of a topic, if it is there.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub fn topic_id(
        &self,
        fingerprint: Fingerprint,
        topic: &str,
    ) -> Result<Option<Bytes>, StoreError> {
        self.read_at(self.topic(fingerprint, topic))
    }

    /// Writes the id of a topic unless one is there.
    ///
    /// # Errors
    /// Fails if it cannot be written. It may be there all the same.
    pub fn create_topic_id(
        &self,
        fingerprint: Fingerprint,
        topic: &str,
        bytes: Bytes,
    ) -> Result<Created, StoreError> {
        self.create_at(self.topic(fingerprint, topic), bytes)
    }

    fn create_at(&self, path: Path, bytes: Bytes) -> Result<Created, StoreError> {
        match self.put(&path, bytes, PutMode::Create) {
            Ok(()) => Ok(Created::New),
            Err(Error::AlreadyExists { .. }) => Ok(Created::AlreadyThere),
            Err(error) => Err(self.failed("write", path, error)),
        }
    }

    fn read_at(&self, path: Path) -> Result<Option<Bytes>, StoreError> {
        let object = async { self.objects.get(&path).await?.bytes().await };
        let read = self.wait(self.limits.transfer, object);
        present(read).map_err(|error| self.failed("read", path, error))
    }

    fn put(&self, path: &Path, bytes: Bytes, mode: PutMode) -> Result<(), Error> {
        let options = PutOptions::from(mode);
        self.wait(
            self.limits.transfer,
            self.objects.put_opts(path, bytes.into(), options),
        )
        .map(|_result| ())
    }

    /// Waits for the result of a request, or gives it up.
    fn wait<T>(
        &self,
        most: Duration,
        request: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.run(within(most, request)).flatten()
    }

    fn run<F: Future>(&self, requests: F) -> Result<F::Output, Error> {
        match &self.runtime {
            Some(runtime) => Ok(runtime.block_on(requests)),
            None => Err(failure("it is closed")),
        }
    }

    fn query(&self, fingerprint: Fingerprint) -> Path {
        self.root.clone().join(fingerprint.to_string())
    }

    fn topic(&self, fingerprint: Fingerprint, topic: &str) -> Path {
        self.query(fingerprint).join(TOPICS).join(topic)
    }

    fn folder(&self, folder: &Folder) -> Path {
        self.query(folder.fingerprint)
            .join(folder.partition.to_string())
    }

    fn object(&self, folder: &Folder, name: Name) -> Path {
        self.folder(folder).join(name.to_string())
    }

    fn failed(&self, doing: &'static str, path: Path, error: Error) -> StoreError {
        StoreError::Request {
            doing,
            path,
            location: self.location.clone(),
            reason: self.secrets.concealed(&error),
        }
    }
}

/// Returns the result of a request, or an error if it takes too long. A disk may still carry out a write that it was
/// asked for.
async fn within<T>(
    most: Duration,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let waited = timeout(most, request).await;
    waited
        .unwrap_or_else(|_elapsed| Err(failure(&format!("no answer within {} s", most.as_secs()))))
}

fn failure(reason: &str) -> Error {
    Error::Generic {
        store: "checkpoints",
        source: reason.into(),
    }
}

/// Turns the error for an object that is not there into `None`.
fn present<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
