//! An object store in memory whose requests can go wrong: a test decides what becomes of each request.

use std::fmt::{self, Debug, Display, Formatter};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, future};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

/// A request to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Writes an object.
    Write(&'a Path),
    /// Reads an object, a part of one or a list, or copies an object.
    Read,
    /// Deletes objects.
    Delete,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request fails and has changed nothing.
    Fails,
    /// The request is done, but its answer is lost: the caller gets an error.
    AnswerLost,
    /// The request is done, its answer is lost, and the client sends it again.
    Repeated,
    /// This many 256ths of the object are written and the request fails, as on a file system after a power failure.
    Torn(u8),
    /// This many 256ths of the object are written and the request succeeds, as on a disk that lies.
    TornSilently(u8),
    /// The request succeeds, but nothing is written.
    Lost,
    /// The request is never answered.
    Silent,
}

impl Fault {
    /// Returns whether the store says that it has stored what it has not.
    pub fn is_lie(self) -> bool {
        matches!(self, Self::TornSilently(_) | Self::Lost)
    }

    /// Returns whether this fault makes a request fail that reads or deletes.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Fails | Self::AnswerLost | Self::Torn(_))
    }
}

/// A store over objects in memory. Several stores can share the objects, each with its own faults.
///
/// A write has any fault as the fault says. A request that reads or deletes fails without being done if the fault is a
/// failure, is never answered if the fault is silent, and is done otherwise.
pub struct FailingStore {
    objects: Arc<InMemory>,
    decide: Box<dyn Fn(Request<'_>) -> Option<Fault> + Send + Sync>,
}

impl FailingStore {
    /// Makes a store over `objects`. It calls `decide` once for each request.
    pub fn new(
        objects: Arc<InMemory>,
        decide: impl Fn(Request<'_>) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let decide = Box::new(decide);
        Self { objects, decide }
    }

    /// Returns whether a request that writes nothing is answered, or an error if it fails.
    fn is_answered(&self, request: Request<'_>) -> Result<bool> {
        match (self.decide)(request) {
            Some(Fault::Silent) => Ok(false),
            Some(fault) if fault.is_failure() => Err(no_answer()),
            _ => Ok(true),
        }
    }

    /// Returns when a request that writes nothing may be done, returns an error if it fails, and never returns if it is
    /// silent.
    async fn answer(&self, request: Request<'_>) -> Result<()> {
        match self.is_answered(request)? {
            true => Ok(()),
            false => future::pending().await,
        }
    }

    /// Returns the items of `stream`, one error, or a stream that never ends, as the fault of the request says.
    fn answers<T: Send + 'static>(
        &self,
        request: Request<'_>,
        stream: impl FnOnce() -> BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        match self.is_answered(request) {
            Ok(true) => stream(),
            Ok(false) => stream::pending().boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }
}

fn no_answer() -> Error {
    Error::Generic {
        store: "failing",
        source: "no answer".into(),
    }
}

fn part(payload: PutPayload, of_256: u8) -> PutPayload {
    let bytes = Bytes::from(payload);
    let length = bytes.len() * usize::from(of_256) / 256;
    bytes.slice(..length).into()
}

impl Debug for FailingStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("FailingStore")
    }
}

impl Display for FailingStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("failing")
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let mode = options.mode.clone();
        let put = |payload| self.objects.put_opts(location, payload, options.clone());
        let done = PutResult {
            e_tag: None,
            version: None,
        };
        match (self.decide)(Request::Write(location)) {
            None => put(payload).await,
            Some(Fault::Fails) => Err(no_answer()),
            Some(Fault::AnswerLost) => put(payload).await.and(Err(no_answer())),
            Some(Fault::Repeated) => {
                put(payload.clone()).await?;
                put(payload).await
            }
            Some(Fault::Torn(of_256)) => put(part(payload, of_256)).await.and(Err(no_answer())),
            Some(Fault::TornSilently(of_256)) => put(part(payload, of_256)).await,
            Some(Fault::Lost) if mode == PutMode::Overwrite => Ok(done),
            // A request that creates an object fails if the object exists; a store finds that out even if it loses the
            // object.
            Some(Fault::Lost) => match self.objects.head(location).await {
                Ok(_) => put(payload).await,
                Err(_) => Ok(done),
            },
            Some(Fault::Silent) => future::pending().await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.answer(Request::Write(location)).await?;
        self.objects.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.answer(Request::Read).await?;
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.answers(Request::Delete, || self.objects.delete_stream(locations))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.answers(Request::Read, || self.objects.list(prefix))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.answer(Request::Read).await?;
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.answer(Request::Read).await?;
        self.objects.copy_opts(from, to, options).await
    }
}
